import { createRoot } from "react-dom/client";
import { TidegateProvider, useInputStreamSend, useRealtimeStream } from "tidegate/react";

/** A run, and who may write to it. */
export interface Desk {
  baseURL: string;
  accessToken: string;
  runId: string;
}

declare global {
  interface Window {
    show(desk: Desk): void;
  }
}

function Driver({ runId }: { runId: string }) {
  const notes = useInputStreamSend<{ from: string }>("notes", runId);
  const steps = useRealtimeStream<string>(runId, "steps");
  return (
    <>
      <button
        type="button"
        disabled={!notes.isReady}
        onClick={() => notes.send({ from: `the page ${notes.sends.length + 1}` })}
      >
        Send
      </button>
      <p role="status">{notes.sends.filter(({ state }) => state === "accepted").length} accepted</p>
      <ol>
        {steps.parts.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
      <p role="alert">{notes.error?.message ?? steps.error?.message}</p>
    </>
  );
}

window.show = ({ runId, ...connection }) => {
  createRoot(document.body.appendChild(document.createElement("main"))).render(
    <TidegateProvider {...connection}>
      <Driver runId={runId} />
    </TidegateProvider>,
  );
};
