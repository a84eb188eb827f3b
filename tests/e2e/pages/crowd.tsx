import { type MouseEvent, useState } from "react";
import { createRoot } from "react-dom/client";
import { TidegateProvider, useInputStreamSend, useRealtimeStream } from "tidegate/react";

/** What the page reads and whom it sends to. */
export interface Crowd {
  baseURL: string;
  accessToken: string;
  runId: string;
  keys: string[];
}

declare global {
  interface Window {
    showCrowd(crowd: Crowd): void;
    /** Fetches the streams with nothing in between. */
    fetchCrowd(crowd: Crowd): void;
    /** Sends with nothing in between; resolves to the milliseconds it took. */
    post(crowd: Crowd): Promise<number>;
  }
}

function Stream({ runId, name }: { runId: string; name: string }) {
  const { parts, status, endReason } = useRealtimeStream<string>(runId, name);
  return (
    <li data-status={status} data-end-reason={endReason} data-parts={parts.length}>
      {parts.join(" ")}
    </li>
  );
}

function Sender({ runId }: { runId: string }) {
  const [times, setTimes] = useState<number[]>([]);
  const { sendAsync } = useInputStreamSend<number>("clicks", runId);
  // An event bears the time of the click itself: what the page was busy with before it got to it counts too.
  const send = async ({ timeStamp }: MouseEvent) => {
    await sendAsync(times.length);
    const took = performance.now() - timeStamp;
    setTimes((times) => [...times, took]);
  };
  return (
    <>
      <button type="button" onClick={send}>
        Send
      </button>
      <output>{JSON.stringify(times)}</output>
    </>
  );
}

const root = createRoot(document.body.appendChild(document.createElement("main")));

window.showCrowd = ({ runId, keys, ...connection }) =>
  root.render(
    <TidegateProvider {...connection}>
      <Sender runId={runId} />
      <ul>
        {keys.map((key) => (
          <Stream key={key} runId={runId} name={key} />
        ))}
      </ul>
    </TidegateProvider>,
  );

window.fetchCrowd = ({ keys, ...crowd }) => {
  for (const key of keys) request(crowd, key, { "timeout-seconds": "1" });
};

window.post = async (crowd) => {
  const started = performance.now();
  await request(crowd, "input/clicks", { "content-type": "application/json" }, '{"data":0}');
  return performance.now() - started;
};

async function request(
  { baseURL, runId, accessToken }: Omit<Crowd, "keys">,
  stream: string,
  headers: Record<string, string>,
  body?: string,
) {
  const response = await fetch(`${baseURL}/realtime/v1/streams/${runId}/${stream}`, {
    method: body ? "POST" : "GET",
    headers: { authorization: `Bearer ${accessToken}`, ...headers },
    ...(body && { body }),
  });
  await response.text();
}
