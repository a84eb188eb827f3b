// A worker in a process of its own, told by the environment where its server is. It says on standard output when it is connected.
// The tasks are written as README.md asks for: the same waits in the same order each time, and what must not happen twice is looked for
// first, or has a key.
import { metadata, serve, streams, task, wait } from "../../pkg/dist/task.js";

const retry = { maxAttempts: 1_000, minTimeoutInMs: 1, maxTimeoutInMs: 1 };
const words = streams.input({ id: "words" });
const over = streams.input({ id: "over" });
const log = streams.define({ id: "log" });

/** Counts something, here and in the run above, unless that has been done: both is written at once, or nothing of it. */
async function countOnce(mark) {
  if (metadata.get(mark)) return;
  metadata.set(mark, true).increment("counted").parent.increment("counted");
  await metadata.flush();
}

/** Takes words in turns asleep and awake, and then waits for an answer to a token of its own. */
const taking = task({
  id: "taking",
  retry,
  run: async ({ count }, { ctx }) => {
    const life = crypto.randomUUID();
    const taken = [];
    for (let step = 0; step < count; step += 1) {
      const word = await (step % 2 === 0 ? words.wait() : words.once()).unwrap();
      taken.push(word);
      await log.append({ life, step, word });
      await countOnce(`step ${step}`);
    }
    const token = await wait.createToken({ tags: [ctx.run.id] });
    const answer = await wait.forToken(token).unwrap();
    const { waitUntilComplete } = log.pipe(tail(life, count, answer));
    await waitUntilComplete();
    return { taken, answer };
  },
});

async function* tail(life, from, answer) {
  for (let n = 0; n < 5; n += 1) yield { life, step: from + n, word: `${answer} ${n}` };
}

/** Triggers runs of the other, waits until it is told that they are over, and says which they were. */
const leading = task({
  id: "leading",
  retry,
  run: async ({ children, count }, { ctx }) => {
    const ids = [];
    for (let n = 0; n < children; n += 1) {
      const { id } = await taking.trigger({ count }, { idempotencyKey: `${ctx.run.id} ${n}`, tags: ctx.run.tags });
      ids.push(id);
    }
    await metadata.set("children", ids).flush();
    return { ids, over: await over.wait().unwrap() };
  },
});

const note = (line) => process.env.TIDEGATE_CRASH_VERBOSE && console.error(`${process.pid} ${line}`);
for (;;) {
  try {
    await serve({ tasks: [taking, leading], concurrency: 8, log: note });
    break;
  } catch (error) {
    // It was started while its server is down.
    if (!error.retryable) throw error;
    note(error.message);
  }
}
console.log("connected");
