// A worker whose runs wait for one word each. It says on standard output when it is connected.
import { serve, streams, task } from "../../pkg/dist/task.js";

const words = streams.input({ id: "words" });
const lives = new Map();

const sleeper = task({
  id: "sleeper",
  run: async (_, { ctx }) => {
    const life = (lives.get(ctx.run.id) ?? 0) + 1;
    lives.set(ctx.run.id, life);
    return { word: await words.wait().unwrap(), life };
  },
});

await serve({ tasks: [sleeper], concurrency: 100, log: () => {} });
console.log("connected");
