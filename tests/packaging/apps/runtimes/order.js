// The task that the worker serves. It is begun from the top when it wakes, by another worker: then it says everything once more.
import { metadata, streams, task } from "tidegate/task";

const question = streams.input({ id: "question" });
const note = streams.input({ id: "note" });
const approval = streams.input({ id: "approval" });
const steps = streams.define({ id: "steps" });

export const order = task({
  id: "order",
  run: async ({ at }, { ctx }) => {
    const noted = new Promise((hear) => note.on(hear));
    await steps.append({ step: "began" });
    metadata.set("asked", await question.once({ timeoutMs: 60_000 }).unwrap()).increment("executions");
    const next = question.peek();
    const { approved } = await approval.wait({ timeout: "1h" }).unwrap();
    await steps.pipe([{ step: "shipped" }, { step: "done" }]).waitUntilComplete();
    return { next, noted: await noted, approved, at, attempt: ctx.attempt.number };
  },
});
