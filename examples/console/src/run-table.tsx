import { memo, useState } from "react";
import type { RunFields } from "tidegate/react";
import { type Filter, listAddress, runAddress } from "./route";
import { Status } from "./status";
import { dateOf, useAge, usePassed } from "./time";

/** What a list shows of a run. */
export type Row = Pick<
  RunFields,
  "id" | "taskIdentifier" | "status" | "createdAt" | "startedAt" | "finishedAt" | "tags"
>;

const PAGE = 100;

/** Runs in the order given, some at a time: a thousand rows would be slow to lay out, and nobody reads them. */
export function RunTable({ runs, filter }: { runs: readonly Row[]; filter: Filter }) {
  const [most, setMost] = useState(PAGE);
  const left = runs.length - most;
  return (
    <>
      <table className="runs">
        <thead>
          <tr>
            <th scope="col">Task</th>
            <th scope="col">Status</th>
            <th scope="col">Tags</th>
            <th scope="col">Took</th>
            <th scope="col">Age</th>
          </tr>
        </thead>
        <tbody>
          {runs.slice(0, most).map((run) => (
            <RunRow key={run.id} run={run} filter={filter} />
          ))}
        </tbody>
      </table>
      {left > 0 && (
        <p className="older">
          <button type="button" className="quiet" onClick={() => setMost(most + PAGE)}>
            Show {Math.min(PAGE, left)} more of {left}
          </button>
        </p>
      )}
    </>
  );
}

const RunRow = memo(function RunRow({ run, filter }: { run: Row; filter: Filter }) {
  const age = useAge(run.createdAt);
  const took = usePassed(run.startedAt, run.finishedAt);
  return (
    <tr>
      <th scope="row">
        <a href={runAddress(run.id)}>{run.taskIdentifier}</a>
        <code>{run.id}</code>
      </th>
      <td>
        <Status status={run.status} />
      </td>
      <td>
        <Tags tags={run.tags} filter={filter} />
      </td>
      <td className="number">{took}</td>
      <td className="number">
        <time dateTime={run.createdAt.toISOString()} title={dateOf(run.createdAt)}>
          {age}
        </time>
      </td>
    </tr>
  );
});

/** Each leads to the runs that have it. */
export function Tags({ tags, filter }: { tags: string[]; filter?: Filter }) {
  return (
    <span className="tags">
      {tags.map((tag) => (
        <a key={tag} href={listAddress({ ...filter, tag })} title={`Runs with the tag ${tag}`}>
          {tag}
        </a>
      ))}
    </span>
  );
}
