import { expect, test } from "vitest";
import { type PublicTokenScopes, toScopes } from "./scopes.js";

test("objects become texts, as the official SDK makes them", () => {
  expect(
    toScopes({
      read: { runs: ["run_1", "run_2"], tags: "user:1", batch: "batch_1", deployments: true, sessions: undefined },
      write: { inputStreams: "run_1", waitpoints: ["waitpoint_1"] },
      trigger: { tasks: "hello" },
      batchTrigger: { tasks: ["a", "b"] },
    }),
  ).toEqual([
    "read:runs:run_1",
    "read:runs:run_2",
    "read:tags:user:1",
    "read:batch:batch_1",
    "read:deployments",
    "write:inputStreams:run_1",
    "write:waitpoints:waitpoint_1",
    "trigger:tasks:hello",
    "batchTrigger:tasks:a",
    "batchTrigger:tasks:b",
  ]);
});

test("texts stay as they are, each once", () => {
  const scopes = ["read:runs:run_1", "write:all", "admin", "*:tags:a:b", "read:something-new:1"];
  expect(toScopes([...scopes, "admin"])).toEqual(scopes);
});

test.each<[unknown, RegExp]>([
  [undefined, /at least one scope/],
  [[], /at least one scope/],
  [{}, /at least one scope/],
  [{ read: { runs: undefined } }, /at least one scope/],
  [{ read: { runs: [] } }, /at least one scope/],
  [{ read: { runs: "" } }, /scopes\.read\.runs must be ids that are not empty/],
  [{ read: { runs: [" "] } }, /not empty/],
  [{ write: { inputStreams: [1] } }, /not empty/],
  [["read:runs:"], /would grant all runs/],
  [["read"], /grants nothing: it takes action:type/],
  [["read:inputstreams:run_1"], /its type is written "inputStreams"/],
  [{ write: { inputStream: "run_1" } }, /its type is written "inputStreams"/],
  [[7], /A scope is a text/],
])("%j is refused", (given, sentence) => {
  expect(() => toScopes(given as PublicTokenScopes)).toThrow(sentence);
});
