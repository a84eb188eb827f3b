import { useEffect, useRef, useState } from "react";
import { Composer } from "./composer";
import { isBegun, type Line } from "./lines";

interface Props {
  line: Line;
  /** The conversation has ended. */
  isOver: boolean;
  /** The assistant has taken part in it. */
  isHeard: boolean;
  onChange: (text: string) => void;
  onRetry: () => void;
  onSayInstead: (text: string) => void;
}

export function TurnView({ line, isOver, isHeard, onChange, onRetry, onSayInstead }: Props) {
  const [draft, setDraft] = useState<string>();
  const { state, text, answer, late } = line;
  const begun = isBegun(line);
  const edit = useRef<HTMLButtonElement>(null);
  const wasEditing = useRef(false);
  useEffect(() => {
    if (wasEditing.current && draft === undefined) edit.current?.focus();
    wasEditing.current = draft !== undefined;
  }, [draft]);
  const close = () => setDraft(undefined);
  // On its way it is neither here nor there.
  const isOpen = !begun && !isOver && !line.isWithdrawn && line.send?.state !== "sending";

  return (
    <li className="turn" data-state={state}>
      <article className="question" aria-label="You">
        {draft === undefined ? (
          <p data-withdrawn={line.isWithdrawn}>{text}</p>
        ) : (
          <Composer
            label="Edit your message"
            value={draft}
            onChange={setDraft}
            onEscape={close}
            action={begun ? "Send as a new message" : "Send the change"}
            onSend={(text) => {
              close();
              if (begun) onSayInstead(text);
              else if (text !== line.text) onChange(text);
            }}
          >
            <button type="button" onClick={close}>
              Cancel
            </button>
          </Composer>
        )}
        {draft !== undefined && begun && (
          <p className="note">It is being answered as it was, so a change would come too late.</p>
        )}
        {!begun && (
          <p className="note" data-state={state}>
            {noteOn(line, isOver, isHeard)}
          </p>
        )}
        {isOpen && draft === undefined && (
          <p className="means">
            {(state === "unknown" || state === "rejected") && (
              <button type="button" className="quiet" onClick={onRetry}>
                Send again
              </button>
            )}
            <button type="button" className="quiet" ref={edit} onClick={() => setDraft(text)}>
              Edit
            </button>
            <button type="button" className="quiet" onClick={() => onChange("")}>
              Take back
            </button>
          </p>
        )}
        {late && (
          <p className="note">
            {late.text === ""
              ? "It was to be taken back when its answer had begun."
              : `A change came when its answer had begun: “${late.text}”`}
          </p>
        )}
      </article>
      {begun && (
        <article className="answer" aria-label="Assistant" aria-busy={state === "answering" && !isOver}>
          <p data-writing={state === "answering" && !isOver}>{answer}</p>
          {state === "stopped" && <p className="note">Stopped.</p>}
          {state === "answering" && isOver && <p className="note">The conversation ended here.</p>}
        </article>
      )}
    </li>
  );
}

function noteOn({ state, send, isWithdrawn }: Line, isOver: boolean, isHeard: boolean): string {
  if (isOver && state !== "rejected") return "Not answered.";
  switch (state) {
    case "leaving":
      if (send?.waitingFor === "online")
        return isWithdrawn ? "Taken back when you are online." : "Leaves when you are online.";
      return isWithdrawn ? "Taking it back…" : "Sending…";
    case "unknown":
      return "No reply came: it may or may not have arrived. Sent again, it counts once.";
    case "rejected":
      return send?.error?.message ?? "It was not sent.";
    case "sent":
      if (isWithdrawn) return "Taking it back…";
      return isHeard ? "Sent." : "Sent. The assistant has not come yet.";
    default:
      return "Waits its turn.";
  }
}
