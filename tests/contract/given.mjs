// Wait tokens and batches that a fixture presupposes.
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";

/** Makes them; resolves to what stands for `{key}`, `{waitpoint}`, `{hash}` and `{batch}`, and to `before`, the same of `given.before`. */
export async function prepare(world, given) {
  const key = randomBytes(8).toString("hex");
  const before = given.before && (await prepare(world, given.before));
  const token = given.waitpoint && (await makeToken(world, given, key));
  const items = Array.from({ length: given.batch === "whole" ? given.runCount : 0 }, () => ({
    task: "contract-suite",
  }));
  const batch = given.runCount && (await makeBatch(world, items, given.runCount));
  return { key, before, ...token, ...(batch && { batch }) };
}

const tokens = "/api/v1/waitpoints/tokens";

async function makeToken(world, { waitpoint: state, create = {}, result = "the first" }, key) {
  const wanted = state === "timed-out" ? { timeout: "0s" } : create;
  const made = await world.must("POST", tokens, JSON.stringify(wanted).replace("{key}", key));
  const { id: waitpoint, url } = JSON.parse(made.body);
  const hash = url.slice(url.lastIndexOf("/") + 1);
  if (state === "completed")
    await world.must("POST", `${tokens}/${waitpoint}/complete`, JSON.stringify({ data: result }));
  if (state === "called-back") await world.must("POST", new URL(url).pathname, JSON.stringify(result));
  if (state === "timed-out") {
    while (JSON.parse((await world.must("GET", `${tokens}/${waitpoint}`)).body).status === "WAITING") await delay(50);
  }
  return { waitpoint, hash };
}

/** Its id. No worker has the tasks, so its runs stay under way. */
export async function makeBatch(world, items, runCount = items.length) {
  const made = await world.must("POST", "/api/v3/batches", JSON.stringify({ runCount }));
  const { id } = JSON.parse(made.body);
  if (items.length > 0) {
    const lines = items.map((item, index) => JSON.stringify({ index, ...item }));
    const headers = { "content-type": "application/x-ndjson" };
    await world.must("POST", `/api/v3/batches/${id}/items`, lines.join("\n"), headers);
  }
  return id;
}
