// A recorded answer against the one that came.
import { isDeepStrictEqual } from "node:util";
import { alike, budget } from "./alike.mjs";
import { differences } from "./differences.mjs";
import { essence } from "./events.mjs";
import { essential, placed } from "./feeds.mjs";
import { isStream } from "./replay.mjs";
import { isFeed, placeholder } from "./runs.mjs";
import { verify } from "./world.mjs";

const compared = [
  "content-type",
  "cache-control",
  "location",
  "x-trigger-jwt",
  "x-trigger-jwt-claims",
  "x-stream-version",
  "x-should-retry",
  "x-accel-buffering",
  "x-last-chunk-index",
  "x-s2-access-token",
  "x-s2-flush-interval-ms",
  "x-s2-max-retries",
  "x-s2-stream-name",
  "electric-handle",
  "electric-offset",
  "electric-cursor",
  "electric-schema",
  "electric-shape-id",
  "electric-chunk-last-offset",
  "electric-up-to-date",
];

/** `{ problems, used }`: what is wrong, in sentences, and the names of the deliberate differences that were met. */
export function compare(fixture, answer, world) {
  const told = ({ status, ...answer }, asked) => {
    const { headers, body } = alike(answer);
    const shown = isFeed(fixture) ? placed({ headers, body }, asked) : headers;
    return { status, ...bodyOf(fixture, { headers, body }), ...headersOf(shown, status, budget(fixture)) };
  };
  const recorded = told(fixture.response, fixture.request.path);
  const came = told(normalised(answer, world), answer.asked);
  if (answer.ended !== "complete") came.ended = answer.ended;

  const used = [];
  const problems = [];
  for (const part of new Set([...Object.keys(recorded), ...Object.keys(came)])) {
    if (isDeepStrictEqual(recorded[part], came[part])) continue;
    const name = Object.keys(differences).find((one) =>
      differences[one].covers(fixture.name, part, recorded[part], came[part]),
    );
    if (name) used.push(name);
    else
      problems.push(`${part}\n  recorded ${JSON.stringify(recorded[part])}\n  came     ${JSON.stringify(came[part])}`);
  }
  return { problems, used: [...new Set(used)] };
}

function bodyOf(fixture, { headers, body }) {
  if (isStream(fixture) && headers["content-type"]?.startsWith("text/event-stream")) return { events: essence(body) };
  return { body: headers["content-type"]?.includes("json") && body ? JSON.parse(body, essential) : body };
}

function headersOf(headers, status, besides) {
  const all = [...compared, ...besides];
  const names = Object.keys(headers).filter((name) => all.includes(name) || name.startsWith("access-control-"));
  const picked = Object.fromEntries(names.map((name) => [name, headers[name]]));
  if (picked["content-type"]) picked["content-type"] = picked["content-type"].toLowerCase().replaceAll(" ", "");
  if (status === 405) picked.allow = headers.allow;
  return { ...picked, "varies by origin": /\borigin\b/i.test(headers.vary ?? "") };
}

/** The answer as fixtures are written: ids as `{run}`, `{env}` and the like, and tokens by what they say. */
function normalised({ status, headers, body, key }, world) {
  const describe = (token) => {
    const { exp, iat, ...claims } = verify(token, world.key);
    return `jwt ${JSON.stringify({ ...claims, exp: exp - iat })}`;
  };
  const ids = { run: [], batch: [], waitpoint: [] };
  const known = (id, kind) => {
    if (!ids[kind].includes(id)) ids[kind].push(id);
    return placeholder(kind, ids[kind].indexOf(id));
  };
  const scrub = (text) =>
    text
      .replace(/\b(run|batch|waitpoint)_[a-z0-9]{25}\b/g, known)
      .replaceAll(world.environment, "{env}")
      .replaceAll(key, "{key}")
      .replace(/(?<="url":")https?:\/\/[^/"]+/g, "{origin}")
      .replace(/(?<=\/callback\/)[0-9a-f]{64}\b/g, "{hash}")
      .replace(/(?<="(next|previous)":")[a-z0-9]{25}\b/g, "{wid}")
      .replace(/(?<="idempotencyKey":")[\w-]{24}(?=")/g, "{made-key}");
  const token = /(?<="token":")eyJ[\w-]+\.[\w-]+\.[\w-]+/;
  const scrubbed = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      scrub(name === "x-trigger-jwt" ? describe(value) : String(value)),
    ]),
  );
  return {
    status,
    headers: scrubbed,
    body: scrub(body.replace(token, (text) => JSON.stringify(describe(text)).slice(1, -1))),
  };
}
