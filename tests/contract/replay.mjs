// Makes the state that a fixture presupposes, sends its request, and gives the answer.
import { randomBytes } from "node:crypto";
import { readEvents, recordsOf } from "./events.mjs";
import { prepare } from "./given.mjs";
import { replayRuns, showsRuns } from "./runs.mjs";

/** Fixtures whose request was made before. */
const madeBefore = new Set(["trigger-idempotent-again", "trigger-jwt-otu", "trigger-jwt-otu-again"]);
/** Stands for a run where only its id matters. */
const someRun = `run_cm${"0".repeat(23)}`;
const someBatch = `batch_cm${"0".repeat(23)}`;
const ingested = { method: "POST", headers: { "x-client-id": "c1" }, body: '"one"\n"two"\n{"three":3}\n' };

export async function replay(world, fixture) {
  const { name, given = {}, request } = fixture;
  if (showsRuns(fixture)) return replayRuns(world, fixture, (asked, fill) => concrete(world, asked, {}, fill));
  const run = given.run && given.run !== "unknown" ? await world.start(given) : someRun;
  const stream = isStream(fixture) ? await prepareStream(world, fixture, run) : undefined;
  if (name === "stream-head-v1") {
    await world.must(ingested.method, request.path.replace("{run}", run), ingested.body, ingested.headers);
  }
  await world.end(run, given.run);

  const ids = { run, ...(await prepare(world, given)) };
  const asked = concrete(world, request, ids);
  if (madeBefore.has(name)) await world.ask(asked);
  if (given.limit === "spent") await spend(world, asked);
  const answer = await world.ask(asked, stream?.onText);
  // Others make wait tokens meanwhile, and a list shows the newest.
  if (name === "token-list" && !answer.body.includes(ids.before.waitpoint)) return replay(world, fixture);
  return { ...ids, ...answer };
}

/** Asks until it is refused, which it is within two minutes' worth of requests whenever the minute ends. */
async function spend(world, asked) {
  for (let times = 0; times < 125; times++) if ((await world.ask(asked)).status === 429) return;
  throw new Error("nothing is refused here; tidegate-dev refuses as recorded with --rate-limits trigger-dev");
}

/** The request with what only described it filled in. */
function concrete(world, { method, path, headers, body }, ids, fillMore = (text) => text) {
  const known = { batch: someBatch, ...ids, env: world.environment };
  const fill = (text) => fillMore(text).replace(/\{(\w+)\}/g, (whole, name) => known[name] ?? whole);
  const { authorization, ...rest } = headers;
  const credentials = world.authorization(fill(authorization));
  const text =
    typeof body === "object" ? body.prefix + body.repeat.repeat(body.times) + body.suffix : body && fill(body);
  return {
    method,
    path: fill(path),
    headers: credentials ? { authorization: credentials, ...rest } : rest,
    // An idempotency key that nobody has used.
    body: text?.replace('"k1"', `"${randomBytes(8).toString("hex")}"`),
  };
}

export const isStream = ({ response }) =>
  response.status === 200 && response.headers["content-type"]?.startsWith("text/event-stream");

/**
 * Writes what was in the recorded stream when its reader came, and gives the `onText` that writes the rest: each live event's records
 * once the event before has arrived, so that they come as they came.
 */
async function prepareStream(world, { name, request, response }, run) {
  const key = request.path.slice("/realtime/v1/streams/{run}/".length);
  const events = readEvents(response.body);
  const backlog = events.filter(({ kind, data }) => kind === "batch" && !data.tail).flatMap(recordsOf);
  const live = events.filter(({ kind, data }) => kind === "batch" && data.tail).map(recordsOf);
  const tail = events.find(({ kind }) => kind === "ping")?.data.tail.seq_num ?? 0;

  const before = backlog[0]?.seq_num ?? tail;
  for (let filler = 0; filler < before; filler++) await world.write(run, key, { data: '"filler"', id: "filler_" });
  for (const record of backlog) await write(world, name, run, key, record);

  let next = 0;
  const onText = (text) => {
    if (next < live.length && readEvents(text).length > next) {
      for (const record of live[next++]) write(world, name, run, key, record).catch(() => {});
    }
  };
  return { onText };
}

function write(world, name, run, key, record) {
  if (name !== "sse-v2-input-after-repeated-send") return world.write(run, key, record);
  const headers = { "x-trigger-request-idempotency-key": "the-same" };
  return world.must("POST", `/realtime/v1/streams/${run}/${key}`, `{"data":${record.data}}`, headers);
}
