import { backendAt, mint, Refusal, trigger } from "../shared/backend.ts";

/** Begins conversations, and mints tokens for one conversation each. */
export const backend = () =>
  backendAt("/api/conversations", async (path) => {
    if (path === "/") return trigger("assistant", {});
    const runId = path.match(/^\/(run_\w+)\/token$/)?.[1];
    if (!runId) throw new Refusal(404, "That is not the id of a conversation: one starts with run_.");
    // A real app checks here that this person may read this conversation and write in it.
    return { runId, ...(await mint({ read: { runs: runId }, write: { inputStreams: runId } })) };
  });
