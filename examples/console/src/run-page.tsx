import { useEffect, useRef } from "react";
import { useRealtimeRun, useRun } from "tidegate/react";
import { Connection } from "../../shared/connection";
import { CancelButton } from "./cancel-button";
import { InputStreams } from "./input-streams";
import { pretty } from "./json";
import { Notice, TokenNotice } from "./notice";
import { OutputStream } from "./output-stream";
import { listAddress } from "./route";
import { RunFacts } from "./run-facts";
import { type Streams, useAsked } from "./server";
import { Status } from "./status";

/** How often the server is asked for what no feed tells: which input streams there are, attempts, children. */
const LOOK_MS = 2000;

/** Everything about one run. */
export function RunPage({ runId, onRetry }: { runId: string; onRetry: () => void }) {
  const { run, error, status, attempt, isFinished } = useRealtimeRun(runId);
  const { run: asked } = useRun(run && runId, { refreshInterval: 2 * LOOK_MS, revalidateOnFocus: true });
  const path = `/console/api/runs/${encodeURIComponent(runId)}/streams`;
  const { answer: streams } = useAsked<Streams>(path, {
    everyMs: isFinished ? undefined : LOOK_MS,
    version: run && `${run.status} ${run.realtimeStreams}`,
  });
  const outputs = [...new Set([...(run?.realtimeStreams ?? []), ...(streams?.outputs ?? []).map(({ key }) => key)])];
  const heading = useRef<HTMLHeadingElement>(null);

  useEffect(() => {
    document.title = `${run?.taskIdentifier ?? "Run"} ${runId.slice(-6)}, Tidegate console`;
  }, [run?.taskIdentifier, runId]);
  // Whoever goes from page to page by keyboard or ear begins where the page does.
  useEffect(() => {
    scrollTo(0, 0);
    heading.current?.focus({ preventScroll: true });
  }, []);

  return (
    <div className="page console">
      <header className="rail">
        <p className="brand">
          <a href={listAddress()}>Tidegate</a>
        </p>
        <p>
          <a className="back" href={listAddress()}>
            All runs
          </a>
        </p>
        <div className="foot">
          <Connection stream={{ status, attempt }} />
          <code>{location.host}</code>
        </div>
      </header>
      <main>
        <article className="run" aria-labelledby="run">
          <div className="head">
            <h1 id="run" ref={heading} tabIndex={-1}>
              {run?.taskIdentifier ?? (error ? "Run" : "…")}
            </h1>
            {run && <Status status={run.status} />}
            {run && <CancelButton runId={runId} isFinished={isFinished} />}
          </div>
          <p className="id">
            <code>{runId}</code>
          </p>
          <TokenNotice onRetry={onRetry} />
          <Notice error={error} isOver={status === "failed"} onRetry={onRetry} />
          {run?.error && (
            <section className="failure" aria-label="Error">
              <h2>{run.error.name ?? "Error"}</h2>
              <p>{run.error.message}</p>
              {run.error.stackTrace && <pre>{run.error.stackTrace}</pre>}
            </section>
          )}
          {outputs.map((key) => (
            <OutputStream key={key} runId={runId} streamKey={key} />
          ))}
          {run && outputs.length === 0 && (
            <p className="empty">{isFinished ? "It has written no stream." : "It has written no stream yet."}</p>
          )}
          {run && (
            <div className="values">
              <Value name="Metadata" value={run.metadata} />
              <Value name="Output" value={run.output} />
              <Value name="Payload" value={run.payload} />
            </div>
          )}
        </article>
        <div className="panel">
          {run && (
            <InputStreams runId={runId} task={run.taskIdentifier} known={streams?.inputs} isFinished={isFinished} />
          )}
          {run && <RunFacts run={run} asked={asked} />}
        </div>
      </main>
    </div>
  );
}

function Value({ name, value }: { name: string; value: unknown }) {
  return (
    <section aria-label={name}>
      <h2>{name}</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard. */}
      {value === undefined ? <p className="hint">None</p> : <pre tabIndex={0}>{pretty(value)}</pre>}
    </section>
  );
}
