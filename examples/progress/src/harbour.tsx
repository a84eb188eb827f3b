import { useState } from "react";
import { useRealtimeRunsWithTag } from "tidegate/react";
import { Connection } from "../../shared/connection";
import { JobForm } from "./job-form";
import { Log } from "./log";
import { type ProgressTask, percentOf } from "./progress-task";
import { RunRow } from "./run-row";

/** Every run of a desk, live: one hook, one connection, however many runs there are. */
export function Harbour({ desk }: { desk: string }) {
  const { runs, error, status, attempt } = useRealtimeRunsWithTag<ProgressTask>(`desk_${desk}`);
  const [chosen, setChosen] = useState<string>();
  const newestFirst = [...runs].reverse();
  const shown = runs.find(({ id }) => id === chosen) ?? newestFirst[0];
  const under = runs.filter((run) => !run.finishedAt);

  return (
    <div className="page">
      <header className="rail">
        <p className="brand">Tidegate</p>
        <p className="sum">
          <b>{under.length}</b> under way
          <br />
          <b>{runs.length - under.length}</b> in harbour
        </p>
        <div className="foot">
          <Connection stream={{ status, attempt }} />
          <code>desk_{desk}</code>
        </div>
      </header>

      <main>
        <section className="runs" aria-label="Runs">
          <JobForm desk={desk} onStarted={setChosen} />
          {error && (
            <p className="problem" role="alert">
              {error.message}
            </p>
          )}
          <ol>
            {newestFirst.map((run) => (
              <RunRow
                key={run.id}
                run={run}
                percent={percentOf(run)}
                chosen={run.id === shown?.id}
                onChoose={() => setChosen(run.id)}
              />
            ))}
          </ol>
          {runs.length === 0 && status === "live" && <p className="empty">No runs today. Start the first one above.</p>}
        </section>
        {shown && <Log run={shown} />}
      </main>
    </div>
  );
}
