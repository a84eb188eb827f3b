// One send as an application makes it, in Node and in the page alike.
import { createClient } from "tidegate";

/** Makes the send that a job describes; resolves to `{ state, code?, ms }`. `controls.abort` takes it back. */
export function attempt(job, controls = {}) {
  const client = createClient({ baseURL: job.baseURL, accessToken: tokenOf(job) });
  const controller = new AbortController();
  controls.abort = () => controller.abort();
  return settle(client, job, controller.signal).finally(() => client.close());
}

async function settle(client, job, signal) {
  if (job.warm) await client.send(job.runId, "warm", "warm");
  // What stands before it in the queue; its own outcome is not asked.
  if (job.behind) client.send(job.runId, job.streamId, "first").catch(() => {});
  const started = performance.now();
  const outcome = await client.send(job.runId, job.streamId, dataOf(job), { signal }).then(
    () => ({ state: "accepted" }),
    ({ outcome, code }) => ({ state: outcome, code }),
  );
  return { ...outcome, ms: performance.now() - started };
}

export function tokenOf({ tokenKind, tokens, hangsOnce }) {
  if (tokenKind === "string") return tokens[0];
  const left = [...tokens];
  let hangs = hangsOnce;
  return () => {
    if (hangs) {
      hangs = false;
      return new Promise(() => {});
    }
    if (left.length === 0) throw new Error("nobody is signed in");
    return left.length > 1 ? left.shift() : left[0];
  };
}

export function dataOf({ data }) {
  return typeof data === "object" ? data.fill.repeat(data.times) : data;
}

/** A thousand sends at once: how each ended, by state. */
export async function attemptMany({ count, ...job }) {
  const client = createClient({ baseURL: job.baseURL, accessToken: tokenOf(job) });
  await client.send(job.runId, "warm", "warm");
  const sends = Array.from({ length: count }, (_, index) => client.send(job.runId, job.streamId, index));
  const settled = await Promise.allSettled(sends);
  client.close();
  const states = settled.map(({ reason }) => (reason ? `${reason.outcome} ${reason.code}` : "accepted"));
  return Object.fromEntries([...new Set(states)].map((state) => [state, states.filter((one) => one === state).length]));
}
