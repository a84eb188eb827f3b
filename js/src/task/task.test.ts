import { expect } from "vitest";
import { settle, test } from "../testing/worker-test.js";
import { task } from "./task.js";

test("a task that cannot be is refused where it is defined", () => {
  const run = () => 1;
  expect(() => task({ id: "", run })).toThrow(/id of a task/);
  expect(() => task({ id: "a" } as never)).toThrow(/no run/);
  expect(() => task({ id: "a", run, retry: { maxAttempts: 0 } })).toThrow(/maxAttempts/);
  expect(() => task({ id: "a", run, retry: { factor: -1 } })).toThrow(/below 0/);
  expect(() => task({ id: "a", run, maxDuration: 0 })).toThrow(/maxDuration/);
});

test("a task that is triggered inside a run is its child", async ({ engine, served }) => {
  const child = task({ id: "child", run: () => 1 });
  engine.script.set("/trigger", [Response.json({ id: "run_2" }, { headers: { "x-trigger-jwt": "its.own.token" } })]);
  await served(async () => (await child.trigger(undefined, { tags: "b" })).id);
  engine.start("run_1");
  await settle();
  expect(engine.asked[1]?.path).toBe("/api/v1/tasks/child/trigger");
  expect(engine.asked[1]?.body.options).toMatchObject({ parentRunId: "run_1", tags: "b" });
  expect(engine.reports).toMatchObject([{ output: "run_2" }]);
});
