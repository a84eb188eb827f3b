// A thousand sends to a server that keeps each and then, now and then, drops the connection in the place of an answer.
import { inputPath } from "./backend.mjs";

const count = 1000;
/** Of a hundred posts, so many lose their answer. */
const lost = 8;

export async function prepareMany(backend, seed) {
  const runId = await backend.startRun();
  const random = generator(seed);
  const match = { method: "POST", path: inputPath(runId, "many") };
  const rules = [];
  let through = 0;
  let drops = 0;
  // As many posts as there can be: after the last drop every send is through.
  for (let post = 0; post < count + drops; post++) {
    if (random() * 100 >= lost) {
      through += 1;
      continue;
    }
    drops += 1;
    if (through > 0) rules.push({ match, times: through, fault: { kind: "pass" } });
    rules.push({ match, times: 1, fault: { kind: "drop", committed: true } });
    through = 0;
  }
  return { runId, rules, drops };
}

/** Resolves to a sentence about what is wrong, or to undefined. */
export async function judgeMany(host, backend, { runId, drops }) {
  const job = { baseURL: host.baseURL(backend, "many"), runId, streamId: "many", count };
  const states = await host.attemptMany({ ...job, tokenKind: "string", tokens: [backend.sign(runId)] });
  if (states.accepted !== count) return `not all were accepted: ${JSON.stringify(states)}`;
  const records = await backend.records(runId, "many");
  const wrong = records.findIndex((record, index) => record !== index);
  if (wrong >= 0) return `record ${wrong} is ${records[wrong]}`;
  if (records.length !== count) return `${records.length} records`;
  const posts = await backend.posts(runId, "many");
  if (posts !== count + drops) return `${posts} posts, of which ${drops} were to be dropped`;
  return undefined;
}

/** A small generator of numbers from 0 to 1, the same for the same seed (a linear congruence modulo 2^32). */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
