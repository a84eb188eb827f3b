import { expect, vi } from "vitest";
import { cut, secretKey, test } from "../testing/worker-test.js";
import { serve } from "./serve.js";
import { task } from "./task.js";

test.for<[string, () => Response | Error, object]>([
  ["a key of another", () => Response.json({ error: "Invalid API key" }, { status: 401 }), { code: "unauthorized" }],
  ["another kind of server", () => new Response("<html>", { status: 404 }), { code: "protocol" }],
  ["a page in the place of an answer", () => new Response("<html>"), { code: "protocol" }],
  ["another answer", () => Response.json({ id: 1 }), { code: "protocol" }],
  ["a server that is not there", cut, { code: "blocked" }],
])("%s is told to whoever serves", async ([_, answer, error], { engine, served }) => {
  engine.script.set("/connect", Array.from({ length: 4 }, answer));
  const refused = served(() => 1).catch((error) => error);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(await refused).toMatchObject(error);
  expect(String((await refused).stack)).not.toContain(secretKey);
});

test.for<[string, object, RegExp]>([
  ["no tasks", { tasks: [] }, /no tasks/],
  ["what is no task", { tasks: [{}] }, /no task/],
  ["two of one name", { tasks: [task({ id: "a", run: () => 1 }), task({ id: "a", run: () => 1 })] }, /"a"/],
  ["no concurrency", { concurrency: 0 }, /concurrency/],
  ["no key", { secretKey: "" }, /secret key/],
])("%s cannot be served", async ([_, options, message], { served }) => {
  await expect(served(() => 1, options)).rejects.toThrow(message);
});

test.for([undefined, null, "order"])("%s is nothing to serve", async (given) => {
  await expect(serve(given as never)).rejects.toMatchObject({ code: "invalid-options" });
});
