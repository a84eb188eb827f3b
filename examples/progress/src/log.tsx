import { metadataOf, type ProgressRun } from "./progress-task";

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** What one run has written down, newest first. */
export function Log({ run }: { run: ProgressRun }) {
  const { logs = [] } = metadataOf(run);
  const end = run.finishedAt;
  return (
    <aside className="log" aria-label="Log">
      <h2>Log</h2>
      <h3>{run.payload?.name ?? run.id}</h3>
      <ol aria-live="polite">
        {end && <li>Over at {clock.format(end)}.</li>}
        {logs
          .map((line, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a log only grows at its end.
            <li key={index}>{line}</li>
          ))
          .reverse()}
        <li>Begun at {clock.format(run.createdAt)}.</li>
      </ol>
      <code>{run.id}</code>
    </aside>
  );
}
