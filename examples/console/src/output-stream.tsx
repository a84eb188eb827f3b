import { useEffect, useRef } from "react";
import { type StreamStatus, useRealtimeStream } from "tidegate/react";
import { pretty } from "./json";

const MOST_PARTS = 2000;

/** What a run writes to one stream, as it comes: texts as the one text that they are, anything else part by part. */
export function OutputStream({ runId, streamKey }: { runId: string; streamKey: string }) {
  const { parts, dropped, status, attempt, error } = useRealtimeStream<unknown>(runId, streamKey, {
    maxParts: MOST_PARTS,
  });
  const isText = parts.length > 0 && parts.every((part) => typeof part === "string");
  const number = dropped + parts.length;
  const name = `Output stream ${streamKey}`;
  return (
    <section className="stream" aria-label={name}>
      <div className="head">
        <h2>{streamKey}</h2>
        <small>{number === 1 ? "1 part" : `${number} parts`}</small>
        <StreamState status={status} attempt={attempt} />
      </div>
      {dropped > 0 && <p className="hint">The first {dropped} are not shown.</p>}
      <Tail name={name} length={number}>
        {isText ? (
          <pre className="text">{parts.join("")}</pre>
        ) : (
          <ol className="parts" start={dropped + 1}>
            {parts.map((part, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a part keeps its number.
              <li key={dropped + index}>
                <pre>{pretty(part)}</pre>
              </li>
            ))}
          </ol>
        )}
      </Tail>
      {error && (
        <p className="problem" role="alert">
          {error.message}
        </p>
      )}
    </section>
  );
}

/** A box that shows the end of what is in it, as long as nobody looks at something further up. */
export function Tail({ name, length, children }: { name: string; length: number; children: React.ReactNode }) {
  const box = useRef<HTMLElement>(null);
  const isAtEnd = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: there is more of it.
  useEffect(() => {
    const { current } = box;
    if (current && isAtEnd.current) current.scrollTop = current.scrollHeight;
  }, [length]);
  return (
    <section
      ref={box}
      className="tail"
      aria-label={`${name}, content`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard.
      tabIndex={0}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        isAtEnd.current = scrollHeight - scrollTop - clientHeight < 8;
      }}
    >
      {children}
    </section>
  );
}

const words: Record<StreamStatus | "idle", (attempt: number) => string> = {
  idle: () => "",
  connecting: () => "Connecting…",
  live: () => "Live",
  reconnecting: (attempt) => `Reconnecting, attempt ${attempt}`,
  paused: () => "Paused",
  ended: () => "Ended",
  failed: () => "Stopped",
};

/** Where a stream stands. Not announced: several of them would talk over one another. */
export function StreamState({ status, attempt }: { status: StreamStatus | "idle"; attempt: number }) {
  return (
    <span className="connection" data-status={status}>
      {words[status](attempt)}
    </span>
  );
}
