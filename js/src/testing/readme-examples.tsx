// The example of README.md, word for word: readme.test.tsx holds them together.
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

async function fetchToken() {
  const response = await fetch("/api/token"); // a route of your backend, which answers with the token as text
  if (!response.ok) throw new Error(`/api/token answered ${response.status}`);
  return response.text();
}

export const App = ({ runId }: { runId: string | undefined }) => (
  <TidegateProvider baseURL="http://127.0.0.1:3030" accessToken={fetchToken}>
    <Approval runId={runId} />
  </TidegateProvider>
);
