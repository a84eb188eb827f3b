// The second example of README.md, word for word: readme.test.tsx holds them together.
import { type AccessToken, useRealtimeRun, useTaskTrigger } from "../react.js";

type Report = {
  id: "report";
  trigger: (payload: { month: string }) => unknown;
  triggerAndWait: (payload: { month: string }) => { unwrap(): Promise<{ url: string }> };
};

declare const report: Report;

export function MonthlyReport({ accessToken }: { accessToken: AccessToken | undefined }) {
  const { submit, handle, isLoading, isReady, error: failure } = useTaskTrigger<typeof report>("report", { accessToken });
  const { run, isFinished, error = failure } = useRealtimeRun<typeof report>(handle?.id, {
    accessToken: handle?.publicAccessToken,
    onComplete: (run) => console.log(`${run.id} has ended as ${run.status}`),
  });
  const busy = isLoading || (handle !== undefined && !isFinished);

  return (
    <>
      <button disabled={!isReady || busy} onClick={() => submit({ month: "2026-11" })}>Make the report</button>
      {run && <progress max={100} value={isFinished ? 100 : Number(run.metadata?.percent ?? 0)} />}
      {run?.output && <a href={run.output.url}>Open it</a>}
      {(run?.error ?? error) && <p role="alert">{run?.error?.message ?? error?.message}</p>}
    </>
  );
}
