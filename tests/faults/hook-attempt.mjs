// One send through the React hook.
import { createElement, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { useInputStreamSend } from "tidegate/react";
import { dataOf, tokenOf } from "./attempt.mjs";

/** As `attempt`; `controls.unmount` takes the component away, `controls.held` resolves once the send waits for the network. */
export async function attemptInHook(job, controls = {}) {
  const root = createRoot(document.createElement("div"));
  const accessToken = tokenOf(job);
  controls.unmount = () => root.unmount();
  let tellHeld;
  const held = new Promise((resolve) => {
    tellHeld = resolve;
  });
  controls.held = () => held;
  const send = await new Promise((mounted) => {
    function Sender() {
      const { send, sends } = useInputStreamSend(job.streamId, job.runId, { baseURL: job.baseURL, accessToken });
      useEffect(() => mounted(send), [send]);
      const isHeld = sends.some(({ state, waitingFor }) => state === "queued" && waitingFor === "online");
      useEffect(() => {
        if (isHeld) tellHeld();
      }, [isHeld]);
      return null;
    }
    root.render(createElement(Sender));
  });
  const started = performance.now();
  const { state, error } = await send(dataOf(job));
  root.unmount();
  return { state, code: error?.code, ms: performance.now() - started };
}
