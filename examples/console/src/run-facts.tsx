import type { RealtimeRun, RunStatus, UseRunInstance } from "tidegate/react";
import { runAddress } from "./route";
import { Tags } from "./run-table";
import { Status, wordOf } from "./status";
import { dateOf, duration, timeOf, usePassed } from "./time";

interface Props {
  run: RealtimeRun;
  /** What the feed does not tell, once it has been asked for. */
  asked: UseRunInstance["run"];
}

/** When what happened to a run, and whom it belongs with. */
export function RunFacts({ run, asked }: Props) {
  const took = usePassed(run.startedAt, run.finishedAt);
  const { parent, root, children = [] } = asked?.relatedRuns ?? {};
  const other = root && root.id !== run.id && root.id !== parent?.id ? root : undefined;
  return (
    <section className="facts" aria-labelledby="history">
      <h2 id="history">History</h2>
      <ol className="history">
        {historyOf(run).map(({ what, at, after }) => (
          <li key={what}>
            <span>{what}</span>
            <time dateTime={at.toISOString()} title={dateOf(at)}>
              {timeOf(at)}
            </time>
            <small>{after}</small>
          </li>
        ))}
      </ol>
      <dl>
        <Fact name={run.finishedAt ? "Took" : "Under way for"} value={took} />
        <Fact name="Compute time" value={run.durationMs ? duration(run.durationMs, true) : ""} />
        <Fact name="Attempts" value={asked?.attemptCount} />
        <Fact name="Tags" value={run.tags.length > 0 && <Tags tags={run.tags} />} />
        <Fact name="Time to live" value={run.ttl} />
        <Fact name="Idempotency key" value={run.idempotencyKey} />
        <Fact name="Batch" value={asked?.batchId} />
        <Fact name="Test" value={run.isTest && "Yes"} />
        <Fact name="Root" value={other && <RunLink run={other} />} />
        <Fact name="Parent" value={parent && <RunLink run={parent} />} />
        <Fact
          name="Children"
          value={children.length > 0 && children.map((run) => <RunLink key={run.id} run={run} />)}
        />
      </dl>
    </section>
  );
}

function Fact({ name, value }: { name: string; value: React.ReactNode }) {
  if (value === undefined || value === "" || value === false) return null;
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}

function RunLink({ run }: { run: { id: string; taskIdentifier: string; status: RunStatus } }) {
  return (
    <span className="related">
      <a href={runAddress(run.id)}>{run.taskIdentifier}</a> <Status status={run.status} />
    </span>
  );
}

/** Each with the time since the one before. */
function historyOf(run: RealtimeRun) {
  const { createdAt, delayedUntil, queuedAt, startedAt, expiredAt, finishedAt } = run;
  const events: [what: string, at: Date | undefined][] = [
    ["Created", createdAt],
    ["Delayed until", delayedUntil],
    ["Queued", queuedAt],
    ["Started", startedAt],
    [finishedAt ? "Past its time to live" : "Expired", expiredAt],
    [finishedAt ? wordOf(run.status) : "Finished", finishedAt],
  ];
  const known = events.filter((event): event is [string, Date] => event[1] !== undefined);
  return known.map(([what, at], index) => {
    const before = known[index - 1]?.[1];
    return { what, at, after: before ? `+${duration(at.getTime() - before.getTime(), true)}` : "" };
  });
}
