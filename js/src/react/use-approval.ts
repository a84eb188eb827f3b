import { useState } from "react";
import type { SendOptions } from "../client/create-client.js";
import type { Send } from "../store/send-store.js";
import { type SingleSend, type UseSingleSendOptions, useSingleSend } from "./use-single-send.js";

/** What {@link useApproval} sends. */
export interface ApprovalAnswer {
  /** The answer. */
  readonly approved: boolean;
  /** Left out where there is none. */
  readonly note?: string | undefined;
}

/** What {@link useApproval} returns. */
export interface Approval extends SingleSend {
  /** Answers yes. Resolves with the answer that counts: this one, or one given before. Never rejects. */
  readonly approve: (note?: unknown, options?: SendOptions) => Promise<Send<ApprovalAnswer>>;
  /** Answers no, in every way as `approve` does. */
  readonly deny: (note?: unknown, options?: SendOptions) => Promise<Send<ApprovalAnswer>>;
  /** The answer given here that is under way, accepted or of unknown outcome. */
  readonly answer: ApprovalAnswer | undefined;
  /**
   * `here`: the server has this page's answer. `elsewhere`: the run had finished before, so somebody or something else
   * has decided. Undefined while it is open, under way, or nobody can tell.
   */
  readonly answered: "here" | "elsewhere" | undefined;
}

/**
 * Answers a run that waits for a yes or a no. There is one answer: as soon as one is under way, it closes both ways, for
 * all components on the page; one that was certainly not taken opens them again.
 *
 * ```tsx
 * import { useApproval } from "tidegate/react";
 *
 * function Decide({ runId }: { runId: string | undefined }) {
 *   const { approve, deny, isOpen, answer, error } = useApproval(runId);
 *   if (answer) return <p>{answer.approved ? "Approved" : "Denied"}</p>;
 *   return (
 *     <>
 *       <button disabled={!isOpen} onClick={() => approve()}>Approve</button>
 *       <button disabled={!isOpen} onClick={() => deny("Too long")}>Deny</button>
 *       {error && <p role="alert">{error.message}</p>}
 *     </>
 *   );
 * }
 * ```
 *
 * @param runId Id of the run; while it is undefined the approval is not open.
 * @param options As for `useInputStreamSend`. Default of `streamId`: `approval`.
 */
export function useApproval(runId: string | undefined, options: UseSingleSendOptions<ApprovalAnswer> = {}): Approval {
  const { single, only, tooLate, send } = useSingleSend<ApprovalAnswer>(options.streamId ?? "approval", runId, options);
  const [answers] = useState(() => {
    // A handler that is passed on as it is gets an event, which is no note.
    const answerWith = (approved: boolean) => (note?: unknown, options?: SendOptions) =>
      send({ approved, note: typeof note === "string" && note !== "" ? note : undefined }, options);
    return { approve: answerWith(true), deny: answerWith(false) };
  });
  return {
    ...single,
    ...answers,
    answer: tooLate ? undefined : only?.data,
    answered: tooLate ? "elsewhere" : only?.state === "accepted" ? "here" : undefined,
  };
}
