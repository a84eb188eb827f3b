// The examples of README.md and of the npm page, word for word: readme.test.tsx holds them together.
import { TidegateProvider, useInputStreamSend, useRealtimeStream } from "../react.js";

function Approval({ runId }: { runId?: string }) {
  const { parts, status } = useRealtimeStream<string>(runId, "draft");
  const approval = useInputStreamSend<{ approved: boolean }>("approval", runId);
  const answer = (approved: boolean) => approval.send({ approved });
  const open = approval.isReady && (approval.status === "idle" || approval.status === "rejected");

  return (
    <>
      <p aria-busy={status !== "live"}>{parts.join("")}</p>
      <button disabled={!open} onClick={() => answer(true)}>Approve</button>
      <button disabled={!open} onClick={() => answer(false)}>Reject</button>
      {approval.status === "accepted" && <p>The task has your answer.</p>}
      {approval.status === "unknown" && <button onClick={() => approval.retry()}>No reply came. Send again?</button>}
      {approval.error && <p role="alert">{approval.error.message}</p>}
    </>
  );
}

export const App = ({ runId }: { runId?: string }) => (
  <TidegateProvider accessToken={() => fetch("/api/token").then((response) => response.text())}>
    <Approval runId={runId} />
  </TidegateProvider>
);
