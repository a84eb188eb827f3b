import { backendAt, mint, Refusal, trigger } from "../shared/backend.ts";

/** Starts runs of the task, and mints tokens for one run each. */
export const backend = () =>
  backendAt("/api/runs", async (path, body) => {
    if (path === "/") return trigger("approval", { topic: readTopic(body) });
    const runId = path.match(/^\/(run_\w+)\/token$/)?.[1];
    if (!runId) throw new Refusal(404, "That is not the id of a run: one starts with run_.");
    // A real app checks here that this person may see and answer this run.
    return { runId, ...(await mint({ read: { runs: runId }, write: { inputStreams: runId } })) };
  });

function readTopic(body: string): string {
  let topic: unknown;
  try {
    topic = JSON.parse(body).topic;
  } catch {
    throw new Refusal(400, 'Send the topic as JSON: {"topic": "…"}.');
  }
  if (typeof topic !== "string" || topic.trim() === "") throw new Refusal(400, "A run needs a topic: write one first.");
  if (topic.length > 120) throw new Refusal(400, "That topic is too long: keep it under 120 characters.");
  return topic.trim();
}
