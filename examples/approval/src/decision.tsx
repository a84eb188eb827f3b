import { useEffect, useRef, useState } from "react";
import { useInputStreamSend } from "tidegate/react";

interface Approval {
  approved: boolean;
  note?: string;
}

interface Props {
  runId: string;
  accessToken: () => Promise<string>;
  task: "drafting" | "waiting" | "published" | "rejected";
}

export function Decision({ runId, accessToken, task }: Props) {
  const [note, setNote] = useState("");
  const { send, sends, status, error, retry } = useInputStreamSend<Approval>("approval", runId, { accessToken });
  const answer = (approved: boolean) => send({ approved, note: note.trim() || undefined });

  const sent = sends.at(-1);
  const over = task === "published" || task === "rejected" || error?.code === "run-finished";
  const choosing = !over && (status === "idle" || status === "rejected");

  const words = {
    idle: over
      ? answered
      : task === "waiting"
        ? "The task is waiting for you."
        : "The buttons open when the draft is finished.",
    sending: sent?.waitingFor === "online" ? "Queued until you are back online." : "Sending…",
    accepted: "The task has your answer.",
    rejected: error?.message,
    unknown: over ? answered : "No reply came, so your answer may or may not have arrived.",
  };

  const receipt = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    if (status !== "idle") receipt.current?.focus();
  }, [status]);

  return (
    <aside className="margin" aria-label="Your decision">
      <h2>Your decision</h2>
      {choosing && (
        <>
          <label>
            Note <small>(optional)</small>
            <textarea rows={3} value={note} onChange={(event) => setNote(event.target.value)} />
          </label>
          <div className="answers">
            <button type="button" className="solid" disabled={task !== "waiting"} onClick={() => answer(true)}>
              Approve
            </button>
            <button type="button" disabled={task !== "waiting"} onClick={() => answer(false)}>
              Reject
            </button>
          </div>
        </>
      )}
      {!choosing && sent && status !== "rejected" && <Mark {...sent.data} done={status === "accepted"} />}
      <p className="receipt" role="status" data-status={status} ref={receipt} tabIndex={-1}>
        {words[status]}
      </p>
      {status === "unknown" && !over && (
        <button type="button" onClick={() => retry()}>
          Send again
        </button>
      )}
    </aside>
  );
}

const answered = "This run has been answered.";

/** The answer as written in the margin: in blue once the server has it, grey until then. */
function Mark({ approved, note, done }: Approval & { done: boolean }) {
  return (
    <blockquote data-done={done}>
      <strong>{approved ? (done ? "Approved" : "Approve") : done ? "Rejected" : "Reject"}</strong>
      {note}
    </blockquote>
  );
}
