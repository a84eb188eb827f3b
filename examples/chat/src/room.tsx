import { useEffect, useState } from "react";
import { useInputStreamSend, useRealtimeStream, useRunMetadata } from "tidegate/react";
import { Connection } from "../../shared/connection";
import { Composer } from "./composer";
import { type Conversation, EMPTY, type Entry, follow, type Message, type Stop } from "./conversation";
import { type Line, linesOf, readMessage } from "./lines";
import { TurnView } from "./turn-view";
import { useBottom } from "./use-bottom";
import { newMessage } from "./use-conversation";
import { useEscape } from "./use-escape";

interface Props {
  runId: string;
  /** The message that the conversation begins with, on the page that has begun it. */
  first: Message | undefined;
  onFirstSent: () => void;
  onLeave: () => void;
}

export function Room({ runId, first, onFirstSent, onLeave }: Props) {
  const talk = useRealtimeStream<Entry, Conversation>(runId, "talk", {
    reduce: follow,
    initial: EMPTY,
    resume: "session",
  });
  // What was sent and is not in `talk` yet: by this page before a reload, or by another one.
  const inbox = useRealtimeStream<unknown, readonly Message[]>(runId, "input/messages", {
    reduce: (all, record) => [...all, ...readMessage(record)],
    initial: [],
  });
  const messages = useInputStreamSend<Message>("messages", runId);
  const stops = useInputStreamSend<Stop>("stops", runId);
  const { metadata, isFinished } = useRunMetadata(runId);
  const [text, setText] = useState("");
  const [discarded, setDiscarded] = useState<readonly string[]>([]);

  const { send, isReady } = messages;
  useEffect(() => {
    if (!first || !isReady) return;
    send(first);
    onFirstSent();
  }, [first, isReady, send, onFirstSent]);

  const isOver = isFinished || talk.status === "ended";
  const lines = linesOf(talk.value, inbox.value, messages.sends).filter(({ id }) => !discarded.includes(id));
  const answering = isOver ? undefined : lines.find(({ state }) => state === "answering");
  const stopping = [...stops.sends].reverse().find(({ data }) => data.id === answering?.id);
  const isStopping = stopping?.state === "queued" || stopping?.state === "sending" || stopping?.state === "accepted";
  const stop = () => {
    if (answering && !isStopping) stops.send({ id: answering.id });
  };
  useEscape(stop);
  const edge = useBottom();
  const problem = talk.error ?? inbox.error;
  const title = typeof metadata?.title === "string" && metadata.title ? metadata.title : "A conversation";

  useEffect(() => {
    document.title = `${title}, with Tidegate`;
  }, [title]);

  /** What has left cannot be unsent, so a change goes behind it. What has not left is taken back. */
  const change = (line: Line, text: string) => {
    if (line.send?.state === "queued") messages.cancel(line.send.id);
    const hasNeverLeft = (line.send?.state === "queued" && line.send.attempt === 0) || line.state === "rejected";
    const isElsewhere = line.revision > 1 || line.state === "sent" || line.state === "pending";
    if (text === "" && hasNeverLeft && !isElsewhere) {
      setDiscarded((ids) => [...ids, line.id]);
      return;
    }
    send({ id: line.id, revision: line.revision + 1, text });
  };
  const say = (text: string) => send(newMessage(text));

  return (
    <div className="chat">
      <header>
        <h1>{title}</h1>
        <div className="facts">
          <Connection stream={problem && talk.status !== "failed" ? inbox : talk} />
          {typeof metadata?.turns === "number" && (
            <span>
              {metadata.turns} {metadata.turns === 1 ? "message" : "messages"}
            </span>
          )}
          <button type="button" className="quiet" onClick={onLeave}>
            New conversation
          </button>
        </div>
      </header>
      <main>
        <div role="log" aria-live="polite" aria-label="Conversation">
          <ol className="turns">
            {lines.map((line) => (
              <TurnView
                key={line.id}
                line={line}
                isOver={isOver}
                isHeard={talk.value.life !== ""}
                onChange={(text) => change(line, text)}
                onRetry={() => line.send && messages.retry(line.send.id)}
                onSayInstead={say}
              />
            ))}
          </ol>
        </div>
        <div ref={edge} />
      </main>
      <footer>
        <p className="problem" role="alert">
          {problem?.message ?? stopProblem(stopping?.state, stopping?.error?.message)}
        </p>
        {isOver ? (
          <p className="over">
            This conversation is over.{" "}
            <button type="button" className="quiet" onClick={onLeave}>
              Begin another
            </button>
          </p>
        ) : (
          <Composer
            label={answering ? "Write on: it is answered next" : "Your message"}
            value={text}
            onChange={setText}
            isDisabled={!isReady}
            onSend={(text) => {
              setText("");
              say(text);
            }}
          >
            {answering && (
              <button
                type="button"
                className="stop"
                disabled={isStopping}
                onClick={(event) => {
                  stop();
                  // By keyboard: the button goes, and the place where it was should not.
                  if (event.detail === 0) event.currentTarget.form?.querySelector("textarea")?.focus();
                }}
              >
                {isStopping ? (stopping?.waitingFor === "online" ? "Stops when online" : "Stopping…") : "Stop"}
              </button>
            )}
          </Composer>
        )}
        <p className="unseen" role="status">
          {answering ? "The assistant is answering." : ""}
        </p>
      </footer>
    </div>
  );
}

function stopProblem(state: string | undefined, message: string | undefined): string | undefined {
  if (state === "unknown") return "No reply came to the stop, so it may or may not count. Stop again if it goes on.";
  return state === "rejected" ? message : undefined;
}
