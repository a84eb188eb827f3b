import { expect, test, vi } from "vitest";
import { type RunsTarget, toAddress } from "./target.js";

test.each<[RunsTarget, object]>([
  [{ runId: "run_1" }, { kind: 0, name: "run_1", query: "", endless: false }],
  [
    { runId: "run_1", stopOnCompletion: false },
    { kind: 0, name: "run_1", query: "", endless: true },
  ],
  [
    { runId: "run_1", skipColumns: ["payload", "output"] },
    { kind: 0, name: "run_1", query: "skipColumns=output%2Cpayload", endless: false },
  ],
  [{ tags: "user:1" }, { kind: 1, name: "user:1", query: "", endless: true }],
  [{ tags: [] }, { kind: 1, name: "", query: "", endless: true }],
  [
    { tags: ["b", "a", "b"], createdAt: "1h30m", skipColumns: ["error"] },
    { kind: 1, name: "a,b", query: "skipColumns=error&createdAt=1h30m", endless: true },
  ],
  [{ batchId: "batch_1" }, { kind: 2, name: "batch_1", query: "", endless: true }],
])("%j", (target, address) => {
  expect(toAddress(target)).toEqual(address);
});

test("a run that is asked not to tell of its end is followed for ever, which the developer is told", () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  toAddress({ runId: "run_1", skipColumns: ["payload"] });
  toAddress({ runId: "run_1", stopOnCompletion: false, skipColumns: ["completedAt"] });
  toAddress({ tags: "a", skipColumns: ["completedAt"] });
  expect(warn).not.toHaveBeenCalled();
  toAddress({ runId: "run_1", skipColumns: ["completedAt"] });
  expect(warn).toHaveBeenCalledExactlyOnceWith(
    expect.stringMatching(/completedAt.*never ends.*stopOnCompletion: false/),
  );
  warn.mockRestore();
});

test.each([
  [{ runId: "" }, "The run id is empty. Pass the id of the run, such as run_1234."],
  [{ batchId: 7 }, "The batch id is missing or not a string. Pass the id of the batch, such as batch_1234."],
  [{ tags: undefined }, "tags must be an array of strings."],
  [{ tags: ["a,b"] }, 'The tag "a,b" cannot be asked for: it has a comma, quote, backslash or control character.'],
  [{ tags: "" }, 'The tag "" cannot be asked for: it is empty.'],
  [{ tags: "a", createdAt: "an hour" }, 'createdAt must be an age, such as "30m", "1h" or "1d".'],
  [{ runId: "run_1", skipColumns: "payload" }, "skipColumns must be an array of strings."],
])("%j is refused", (target, message) => {
  expect(() => toAddress(target as never)).toThrow(expect.objectContaining({ code: "invalid-options", message }));
});
