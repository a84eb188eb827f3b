import { useDeferredValue, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { UseRealtimeRunsInstance } from "tidegate/react";
import { Connection } from "../../shared/connection";
import { Notice, TokenNotice } from "./notice";
import { type Filter, listAddress, setFilter } from "./route";
import { type Row, RunTable } from "./run-table";
import { type Sample, useAsked } from "./server";
import { type Group, groupOf, groups } from "./status";
import { TriggerForm } from "./trigger-form";
import { useOlderRuns } from "./use-older-runs";

interface Props {
  feed: UseRealtimeRunsInstance;
  runs: readonly Row[];
  filter: Filter;
  onRetry: () => void;
}

/** Every run of the server. Those of the last day come and change by themselves; older ones are asked for. */
export function RunsPage({ feed, runs, filter, onRetry }: Props) {
  const older = useOlderRuns(runs);
  const { answer: samples = [] } = useAsked<Sample[]>("/console/api/tasks", {});
  const all = useMemo(() => {
    const known = new Set(runs.map(({ id }) => id));
    return [...runs].reverse().concat(older.runs.filter(({ id }) => !known.has(id)));
  }, [runs, older.runs]);
  const shown = useDeferredValue(useMemo(() => all.filter((run) => fits(run, filter)), [all, filter]));
  const tasks = unique([...samples.map(({ id }) => id), ...all.map((run) => run.taskIdentifier)]);
  const isFiltered = Boolean(filter.status || filter.task || filter.tag);
  const isKnown = feed.status === "live" || all.length > 0;
  const inGroup = (group: Group) => runs.filter(({ status }) => groupOf(status) === group).length;
  const [queued, active] = [inGroup("queued"), inGroup("active")];

  useEffect(() => {
    document.title = "Runs, Tidegate console";
  }, []);
  useKeptPlace(listAddress(filter));

  return (
    <div className="page console">
      <header className="rail">
        <p className="brand">Tidegate</p>
        <p className="sum">
          <b>{active}</b> under way
          <br />
          <b>{queued}</b> queued
          <br />
          <b>{runs.length - active - queued}</b> over
        </p>
        <div className="foot">
          <Connection stream={feed} />
          <code>{location.host}</code>
        </div>
      </header>
      <main>
        <section className="list" aria-labelledby="runs">
          <div className="head">
            <h1 id="runs">Runs</h1>
            <p className="hint" role="status">
              {!isKnown ? "" : isFiltered ? `${shown.length} of ${all.length}` : count(all.length)}
            </p>
          </div>
          <Filters filter={filter} tasks={tasks} tags={unique(all.flatMap((run) => run.tags))} />
          <TokenNotice onRetry={onRetry} />
          <Notice error={feed.error} isOver={feed.status === "failed"} onRetry={onRetry} />
          {shown.length > 0 ? (
            <RunTable runs={shown} filter={filter} />
          ) : (
            <p className="empty">{!isKnown ? (feed.error ? "" : "Asking for the runs…") : emptiness(isFiltered)}</p>
          )}
          {isKnown && (
            <p className="older">
              {older.isThere ? (
                <button type="button" className="quiet" disabled={older.isLoading} onClick={older.load}>
                  {older.isLoading ? "Asking for older runs…" : "Show older runs"}
                </button>
              ) : (
                <small>There are no older runs.</small>
              )}
            </p>
          )}
          <Notice error={older.problem} isOver onRetry={older.load} />
        </section>
        <TriggerForm tasks={tasks} samples={samples} />
      </main>
    </div>
  );
}

let kept = { address: "", top: 0 };

/** Who comes back to the same list finds it where it was left. */
function useKeptPlace(address: string) {
  const latest = useRef(address);
  useEffect(() => {
    latest.current = address;
  }, [address]);
  useLayoutEffect(() => {
    scrollTo(0, kept.address === latest.current ? kept.top : 0);
    return () => {
      kept = { address: latest.current, top: scrollY };
    };
  }, []);
}

function Filters({ filter, tasks, tags }: { filter: Filter; tasks: string[]; tags: string[] }) {
  const [tag, setTag] = useState(filter.tag);
  const [given, setGiven] = useState(filter.tag);
  // Another address, not what is being typed here.
  if (given !== filter.tag) {
    setGiven(filter.tag);
    setTag(filter.tag);
  }
  const isFiltered = Boolean(filter.status || filter.task || filter.tag);
  return (
    <search className="filters">
      <label>
        Status
        <select value={filter.status} onChange={(event) => setFilter({ ...filter, status: event.target.value })}>
          <option value="">Any</option>
          {Object.entries(groups).map(([group, { word }]) => (
            <option key={group} value={group}>
              {word}
            </option>
          ))}
        </select>
      </label>
      <label>
        Task
        <select value={filter.task} onChange={(event) => setFilter({ ...filter, task: event.target.value })}>
          <option value="">Any</option>
          {unique([...tasks, filter.task].filter(Boolean)).map((task) => (
            <option key={task}>{task}</option>
          ))}
        </select>
      </label>
      <label>
        Tag
        <input
          list="tags"
          placeholder="Any"
          value={tag}
          onChange={({ target: { value } }) => {
            setTag(value);
            setGiven(value.trim());
            setFilter({ ...filter, tag: value.trim() });
          }}
        />
        <datalist id="tags">
          {tags.map((tag) => (
            <option key={tag} value={tag} />
          ))}
        </datalist>
      </label>
      <button
        type="button"
        className="quiet"
        disabled={!isFiltered}
        onClick={() => setFilter({ status: "", task: "", tag: "" })}
      >
        Clear
      </button>
    </search>
  );
}

function fits(run: Row, { status, task, tag }: Filter): boolean {
  return (
    (!status || groupOf(run.status) === status) &&
    (!task || run.taskIdentifier === task) &&
    (!tag || run.tags.some((own) => own.includes(tag)))
  );
}

const unique = (texts: string[]) => [...new Set(texts)].sort();
const count = (runs: number) => (runs === 1 ? "1 run" : `${runs} runs`);
const emptiness = (isFiltered: boolean) =>
  isFiltered ? "No run is like that." : "No runs in the last day. Trigger one, here or from your backend.";
