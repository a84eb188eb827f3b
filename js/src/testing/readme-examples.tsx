// The example of README.md, word for word but for the imports. readme.test.tsx compares the two.
import { useState } from "react";
import { TidegateProvider, useInputStreamSend, useRealtimeStream } from "../react.js";

function Approval({ runId }: { runId: string | undefined }) {
  const draft = useRealtimeStream<string>(runId, "draft");
  const approval = useInputStreamSend<{ approved: boolean }>("approval", runId);
  const answer = (approved: boolean) => approval.send({ approved });
  const { status } = approval;
  const error = approval.error ?? draft.error;
  const open = approval.isReady && error?.code !== "run-finished" && (status === "idle" || status === "rejected");

  return (
    <>
      <p>{draft.parts.join("")}</p>
      <button disabled={!open} onClick={() => answer(true)}>Approve</button>
      <button disabled={!open} onClick={() => answer(false)}>Reject</button>
      {status === "accepted" && <p>The task has your answer.</p>}
      {status === "unknown" && <button onClick={() => approval.retry()}>No reply came. Send again?</button>}
      {error && <p role="alert">{error.message}</p>}
    </>
  );
}

async function ask(route: string) {
  const response = await fetch(route);
  if (!response.ok) throw new Error(`${route} answered ${response.status}`);
  return response.text();
}

export default function App() {
  const [runId, setRunId] = useState<string>();
  return (
    <TidegateProvider baseURL="http://127.0.0.1:3030" accessToken={() => ask(`/api/token?run=${runId}`)}>
      <button onClick={() => ask("/api/start").then(setRunId, alert)}>Start</button>
      <Approval runId={runId} />
    </TidegateProvider>
  );
}
