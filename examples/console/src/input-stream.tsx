import { type FormEvent, useId, useState } from "react";
import { type Send, useInputStreamSend, useRealtimeStream } from "tidegate/react";
import { JsonField, pretty, readJson } from "./json";
import { StreamState, Tail } from "./output-stream";

interface Props {
  runId: string;
  streamId: string;
  /** JSON to begin with. */
  sample: string | undefined;
  isAwaited: boolean;
  hasRecords: boolean;
  isFinished: boolean;
}

const MOST_RECORDS = 500;
const MOST_SENDS = 5;

/** One input stream: what is in it, whoever has sent it, and a form to send more. */
export function InputStream({ runId, streamId, sample = "", isAwaited, hasRecords, isFinished }: Props) {
  const id = useId();
  const [written, setText] = useState<string>();
  const text = written ?? sample;
  const [problem, setProblem] = useState<string>();
  const sending = useInputStreamSend<unknown>(streamId, runId);
  // Without a record there is nothing to read, and a connection for something else.
  const isRead = hasRecords || sending.sends.some(({ state }) => state === "accepted");
  const records = useRealtimeStream<string>(runId, `input/${streamId}`, { enabled: isRead, maxParts: MOST_RECORDS });

  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    const read = readJson(text);
    if ("problem" in read) return setProblem(read.problem);
    setProblem(undefined);
    sending.send(read.value);
  };

  const name = `Input stream ${streamId}`;
  return (
    <section className="input" aria-label={name}>
      <div className="head">
        <h3>{streamId}</h3>
        {isAwaited && !isFinished && <span className="awaited">The task waits for it</span>}
        {isRead && <StreamState status={records.status} attempt={records.attempt} />}
      </div>
      {records.parts.length > 0 && (
        <Tail name={name} length={records.parts.length}>
          <ol className="parts" start={records.dropped + 1}>
            {records.parts.map((record, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a record keeps its number.
              <li key={records.dropped + index}>
                <pre>{readRecord(record)}</pre>
              </li>
            ))}
          </ol>
        </Tail>
      )}
      {records.error && (
        <p className="problem" role="alert">
          {records.error.message}
        </p>
      )}
      {!isFinished && (
        <form onSubmit={submit}>
          <JsonField
            id={id}
            label="Data, as JSON"
            rows={2}
            value={text}
            problem={problem}
            onChange={(text) => {
              setText(text);
              const read = readJson(text);
              if (problem) setProblem("problem" in read ? read.problem : undefined);
            }}
            onSubmit={submit}
          />
          <button type="submit" className="solid" disabled={!sending.isReady}>
            Send
          </button>
        </form>
      )}
      {sending.sends.length > 0 && (
        <ol className="sends" aria-label={`Sends to ${streamId}, newest first`} aria-live="polite">
          {sending.sends
            .slice(-MOST_SENDS)
            .reverse()
            .map((send) => (
              <SendLine
                key={send.id}
                send={send}
                onRetry={isFinished ? undefined : () => sending.retry(send.id)}
                onCancel={() => sending.cancel(send.id)}
              />
            ))}
        </ol>
      )}
    </section>
  );
}

/** What became of a send, as far as anybody can tell. */
function SendLine({
  send,
  onRetry,
  onCancel,
}: {
  send: Send<unknown>;
  onRetry: (() => void) | undefined;
  onCancel: () => void;
}) {
  const { state } = send;
  const isOpen = state === "queued" || state === "sending";
  return (
    <li data-state={state}>
      <code>{pretty(send.data)}</code>
      <span>{sentenceOf(send)}</span>
      {isOpen && (
        <button type="button" className="quiet" onClick={onCancel}>
          {state === "queued" ? "Take back" : "Give up"}
        </button>
      )}
      {!isOpen && state !== "accepted" && onRetry && (
        <button type="button" className="quiet" onClick={onRetry}>
          Send again
        </button>
      )}
    </li>
  );
}

const reasons = {
  turn: "Queued behind another.",
  token: "Queued until there is a token.",
  online: "Queued until you are back online.",
  backoff: "Queued for another attempt.",
};

function sentenceOf({ state, waitingFor, attempt, error }: Send<unknown>): string {
  if (state === "queued") return waitingFor ? reasons[waitingFor] : "Queued.";
  if (state === "sending") return attempt > 1 ? `Sending, attempt ${attempt}…` : "Sending…";
  if (state === "accepted") return "The run has it.";
  if (state === "cancelled") return "Taken back. It was not sent.";
  return error?.message ?? (state === "unknown" ? "No reply came. It may have arrived." : "It was refused.");
}

/** A record holds the JSON that was sent, as text. */
function readRecord(record: unknown): string {
  if (typeof record !== "string") return pretty(record);
  try {
    return pretty(JSON.parse(record));
  } catch {
    return record;
  }
}
