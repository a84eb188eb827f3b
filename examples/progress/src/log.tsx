import { metadataOf, type ProgressRun } from "./progress-task";

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** What one run has written down, oldest first. */
export function Log({ run }: { run: ProgressRun }) {
  const { logs = [] } = metadataOf(run);
  const end = run.finishedAt;
  return (
    <aside className="log" aria-label="Log">
      <h2>Log</h2>
      <h3>{run.payload?.name ?? run.id}</h3>
      <ol aria-live="polite">
        <li>Begun at {clock.format(run.createdAt)}.</li>
        {logs.map((line, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a log only grows at its end.
          <li key={index}>{line}</li>
        ))}
        {end && <li>Over at {clock.format(end)}.</li>}
      </ol>
      <code>{run.id}</code>
    </aside>
  );
}
