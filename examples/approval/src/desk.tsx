import { useEffect, useRef } from "react";
import { useRealtimeStream } from "tidegate/react";
import { Connection } from "../../shared/connection";
import { Decision } from "./decision";
import { Gauge, heights } from "./gauge";

/** What the task writes to its stream `result`, in this order. */
type Result = { state: "waiting" } | { state: "published" | "rejected"; text: string };

interface Props {
  runId: string;
  accessToken: () => Promise<string>;
  topic: string | null;
  onLeave: () => void;
}

export function Desk({ runId, accessToken, topic, onLeave }: Props) {
  const draft = useRealtimeStream<string>(runId, "draft", { accessToken });
  const result = useRealtimeStream<Result>(runId, "result", { accessToken });
  const latest = result.parts.at(-1);
  const outcome = latest && latest.state !== "waiting" ? latest : undefined;
  // The run is over, by a result or without one.
  const over = result.status === "ended";
  const drafting = latest === undefined && !over;
  const task = over && !outcome ? "stopped" : (latest?.state ?? "drafting");
  const failed = [draft, result].find((stream) => stream.status === "failed");

  const text = draft.parts.join("");
  const words = text.match(/\S+/g)?.length ?? 0;
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => title.current?.focus(), []);

  return (
    <div className="page">
      <Gauge
        stage={outcome ? "result" : drafting ? "draft" : "decision"}
        level={drafting ? rising(words) : outcome?.state === "rejected" ? heights.decision : undefined}
        notes={{
          draft: words ? `${words} words` : "",
          decision: drafting || outcome || over ? "" : "your turn",
          result: outcome?.state,
        }}
      >
        <Connection stream={failed ?? (draft.status === "live" || draft.status === "ended" ? result : draft)} />
        <code>{runId}</code>
        <button type="button" className="quiet" onClick={onLeave}>
          Start over
        </button>
      </Gauge>

      <main>
        <article className="sheet" data-outcome={outcome?.state}>
          <p className="folio">{drafting && !failed ? "Draft, as it is written" : "Draft"}</p>
          <h1 ref={title} tabIndex={-1}>
            {topic ?? "A draft"}
          </h1>
          {failed && (
            <p className="problem" role="alert">
              {failed.error?.message}
            </p>
          )}
          <div className="prose" aria-live="polite" aria-busy={drafting} data-writing={drafting && !failed}>
            {text}
          </div>
        </article>

        {(latest || !failed) && <Decision runId={runId} accessToken={accessToken} task={task} />}

        <section className="result" aria-live="polite" aria-label="Result">
          {outcome && (
            <>
              <h2>{outcome.state === "published" ? "Published" : "Rejected"}</h2>
              <p>{outcome.text}</p>
            </>
          )}
        </section>
      </main>
    </div>
  );
}

/** The draft's length is not known beforehand: each word raises the water by less, and it stays below the decision. */
const rising = (words: number) => heights.decision - (heights.decision - heights.topic) * Math.exp(-words / 60);
