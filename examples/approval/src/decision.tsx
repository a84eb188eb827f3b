import { useEffect, useRef, useState } from "react";
import { type ApprovalAnswer, useApproval } from "tidegate/react";

interface Props {
  runId: string;
  accessToken: () => Promise<string>;
  task: "drafting" | "waiting" | "published" | "rejected" | "stopped";
}

export function Decision({ runId, accessToken, task }: Props) {
  const [note, setNote] = useState("");
  const approval = useApproval(runId, { accessToken, outbox: "indexeddb" });
  const { answer, status, isOpen } = approval;
  const stopped = task === "stopped";
  const over = stopped || task === "published" || task === "rejected" || approval.answered === "elsewhere";
  const decided = stopped ? "The run has ended without an answer." : "This run has been answered.";
  const choosing = !over && isOpen;

  const words = {
    idle: over
      ? decided
      : task === "waiting"
        ? "The task is waiting for you."
        : "The buttons open when the draft is finished.",
    sending: approval.waitingFor === "online" ? "Queued until you are back online." : "Sending…",
    accepted: "The task has your answer.",
    rejected: approval.error?.message,
    unknown: over ? decided : "No reply came, so your answer may or may not have arrived.",
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
            <button
              type="button"
              className="solid"
              disabled={task !== "waiting"}
              onClick={() => approval.approve(note.trim())}
            >
              Approve
            </button>
            <button type="button" disabled={task !== "waiting"} onClick={() => approval.deny(note.trim())}>
              Reject
            </button>
          </div>
        </>
      )}
      {!choosing && answer && <Mark {...answer} done={status === "accepted"} />}
      <p className="receipt" role="status" data-status={status} ref={receipt} tabIndex={-1}>
        {words[status]}
      </p>
      {status === "unknown" && !over && (
        <button type="button" onClick={approval.retry}>
          Send again
        </button>
      )}
    </aside>
  );
}

/** The answer as written in the margin: in blue once the server has it, grey until then. */
function Mark({ approved, note, done }: ApprovalAnswer & { done: boolean }) {
  return (
    <blockquote data-done={done}>
      <strong>{approved ? (done ? "Approved" : "Approve") : done ? "Rejected" : "Reject"}</strong>
      {note}
    </blockquote>
  );
}
