// Fixtures whose answers show runs: makes the runs they are given, and what happens to them while a live poll is held.
import { randomBytes } from "node:crypto";
import { makeBatch } from "./given.mjs";

const random = (length) => randomBytes(length).toString("hex").slice(0, length);

/** A feed of one run, of tags or of a batch. */
export const isFeed = ({ request }) => /^\/realtime\/v1\/(runs|batches)\b/.test(request.path);

/** Whether an answer would show what other fixtures made, too. */
const isList = ({ request }) => /^\/(realtime|api)\/v1\/runs\?/.test(request.path);

export const showsRuns = (fixture) => fixture.given?.runs !== undefined || isList(fixture);

/** Whether something must be said that only the worker of a run says. */
export function needsWorker({ given: { runs = [], change } = {} }) {
  const born = change?.new;
  return [...runs, ...(born ? [born] : [])].some(worker) || Boolean(change && !born && !isFromOutside(change));
}

/**
 * Makes the runs, asks, and gives the answer in the fixture's own names. `concrete` fills in what a request only describes, with what
 * is filled in here first.
 */
export async function replayRuns(world, fixture, concrete) {
  const { given = {} } = fixture;
  const names = isList(fixture) ? aliases(fixture) : new Map();
  const rename = (text) => replaceAll(text, names);
  const wanted = (given.runs ?? []).map((run) => named(run, names));
  const { batch = `batch_cm${random(23)}`, runs } = given.batch
    ? await together(world, wanted)
    : await apart(world, wanted);
  for (const [at, run] of wanted.entries()) if (worker(run)) await world.report(runs[at], worker(run));

  const fill = (text) =>
    runs.reduceRight((filled, run, at) => fillRun(filled, run, at), text.replaceAll("{batch}", batch));
  const asked = concrete(fixture.request, (text) => fill(rename(text)));
  if (asked.path.includes("live=true")) asked.path = await continued(world, asked);

  const answering = world.ask(asked);
  if (given.change) await change(world, given.change, runs, names);
  const answer = await answering;
  const scrub = (text) => scrubRuns(unname(text, names), runs).replaceAll(batch, "{batch}");
  const headers = Object.fromEntries(
    Object.entries(answer.headers).map(([name, value]) => [name, scrub(String(value))]),
  );
  return { ...answer, headers, body: scrub(answer.body), asked: scrub(asked.path) };
}

/** A name of its own for each tag and task, so that fixtures asked at the same time do not meet. */
function aliases({ given, request }) {
  const { searchParams } = new URL(request.path, "http://host");
  const asked = ["tags", "filter[taskIdentifier]"].flatMap((name) => searchParams.get(name)?.split(",") ?? []);
  const made = (given?.runs ?? []).flatMap(({ tags = [] }) => tags);
  return new Map(
    [...asked, ...made].filter((name) => /^\w+$/.test(name)).map((name) => [name, `${name}-${random(8)}`]),
  );
}

/** A run as it is given, with names of its own. */
function named(run, names) {
  const own = (name) => names.get(name) ?? name;
  return { ...run, task: own(run.task), tags: run.tags?.map(own) };
}

function replaceAll(text, names) {
  return [...names].reduce((replaced, [name, own]) => replaced.replaceAll(new RegExp(`\\b${name}\\b`, "g"), own), text);
}

function unname(text, names) {
  return [...names].reduce((replaced, [name, own]) => replaced.replaceAll(own, name), text);
}

/** What stands for an id in a fixture: `{run}` for the first, `{run2}` for the second. */
export const placeholder = (name, at) => `{${name}${at === 0 ? "" : at + 1}}`;

function fillRun(text, run, at) {
  return text.replaceAll(placeholder("run", at), run).replaceAll(placeholder("id", at), run.slice("run_".length));
}

function scrubRuns(text, runs) {
  return runs.reduce(
    (scrubbed, run, at) =>
      scrubbed.replaceAll(run, placeholder("run", at)).replaceAll(run.slice("run_".length), placeholder("id", at)),
    text,
  );
}

async function apart(world, wanted) {
  const runs = [];
  for (const run of wanted) runs.push(await world.trigger(run.task, triggerOptions(run), payload(run)));
  return { runs };
}

async function together(world, wanted) {
  const item = (run) => ({ task: run.task, payload: payload(run), options: triggerOptions(run) });
  const batch = await makeBatch(world, wanted.map(item));
  const { runs } = JSON.parse((await world.must("GET", `/api/v2/batches/${batch}`)).body);
  return { batch, runs };
}

function triggerOptions({ tags, ttl, delay, payloadType }) {
  return { tags, ttl, delay, payloadType };
}

function payload({ payload: text = "{}", payloadType }) {
  return payloadType ? text : JSON.parse(text);
}

/** What a worker would say of a run; undefined when there is nothing to say. */
function worker({ status, output, outputType, metadata, error, streams, usageDurationMs, delay }) {
  const isTriggered = status === "DELAYED" || (status === "PENDING" && !delay);
  const said = {
    status: isTriggered ? undefined : status,
    output,
    outputType,
    metadata,
    error,
    streams,
    usageDurationMs,
  };
  return Object.values(said).some((value) => value !== undefined) ? said : undefined;
}

/** The same live request, from where a reader who comes now would be. */
async function continued(world, { path, headers }) {
  const first = path.replace(/([?&])(live|cursor|handle)=[^&]*/g, "$1").replace(/offset=[^&]*/, "offset=-1");
  const { headers: place } = await world.ask({ method: "GET", path: first, headers });
  const isOwn = /handle=(run-|runs_|batch_)/.test(path);
  const placed = path.replace(/offset=\d{4,}_\d+/, `offset=${place["electric-offset"]}`);
  return isOwn ? placed.replace(/handle=[^&]*/, `handle=${place["electric-handle"]}`) : placed;
}

/** A change that is made by request: to the metadata alone, or a cancellation. */
const isFromOutside = ({ run: _, ...members }) =>
  members.status === "CANCELED" || (Boolean(members.metadata) && Object.keys(members).length === 1);

/** Each in one step, so that a poll never sees half of it. */
async function change(world, { run: number, new: born, ...members }, runs, names) {
  if (born) {
    const run = named(born, names);
    const said = worker(run);
    const id = await world.trigger(run.task, triggerOptions(said ? { ...run, tags: [] } : run), payload(run));
    runs.push(id);
    if (said) await world.report(id, { ...said, tags: run.tags });
    return;
  }
  const run = runs[number - 1];
  if (!isFromOutside(members)) await world.report(run, members);
  else if (members.metadata)
    await world.must("PUT", `/api/v1/runs/${run}/metadata`, `{"metadata":${members.metadata}}`);
  else await world.must("POST", `/api/v2/runs/${run}/cancel`, "{}");
}
