import { backendAt, mint, Refusal, trigger } from "../shared/backend.ts";

const limits = { name: 60, steps: 500 };

/** Starts runs under the tag of one desk, and mints tokens: one to see all runs of a desk, one to stop a single run. */
export const backend = () =>
  backendAt("/api", async (path, body) => {
    const [kind, name, what] = path.slice(1).split("/");
    // A real app checks here that this person may see this desk, and stop this run.
    if (kind === "desks") {
      if (!name?.match(/^[a-z0-9]{4,32}$/))
        throw new Refusal(
          404,
          "No desk has that name: one is 4 to 32 small letters and digits. Open the page without any.",
        );
      if (what === "token") return mint({ read: { tags: `desk_${name}` } });
      if (what === "runs") return trigger("progress", readJob(body), { tags: [`desk_${name}`] });
    }
    if (kind === "runs" && what === "token" && name?.match(/^run_\w+$/)) return mint({ write: { inputStreams: name } });
    throw new Refusal(404, "There is nothing at this address.");
  });

function readJob(body: string): object {
  let job: { name?: unknown; steps?: unknown; fail?: unknown };
  try {
    job = JSON.parse(body) ?? {};
  } catch {
    throw new Refusal(400, 'Send the job as JSON: {"name": "…", "steps": 24}.');
  }
  const { name, steps, fail } = job;
  if (typeof name !== "string" || !name.trim()) throw new Refusal(400, "A job needs a name: write one first.");
  if (name.length > limits.name) throw new Refusal(400, `Keep the name under ${limits.name} characters.`);
  if (!Number.isInteger(steps) || Number(steps) < 1 || Number(steps) > limits.steps)
    throw new Refusal(400, `A job has 1 to ${limits.steps} steps.`);
  return { name: name.trim(), steps, fail: fail === true };
}
