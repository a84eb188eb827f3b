import { expect, it } from "vitest";
import { encode } from "./encode.js";
import { TidegateError } from "./errors.js";

it("is JSON.stringify for what JSON can hold", () => {
  for (const value of [null, true, 0, "ünïcode \u2028 \ud83d", [1, { a: [] }], { at: new Date(0) }]) {
    expect(encode(value)).toBe(JSON.stringify(value));
  }
});

const cycle: Record<string, unknown> = { name: "loop" };
cycle.self = cycle;

it.each([
  ["undefined", undefined, /it is undefined/],
  ["a function", () => {}, /it is a function/],
  ["a symbol", Symbol("s"), /it is a symbol/],
  ["a BigInt on its own", 5n, /BigInt \(the value itself\)/],
  ["a BigInt", { order: { amount: 5n } }, /BigInt \(at "amount"\)/],
  ["a cycle", cycle, /circular.*\(at "self"\)/],
  [
    "a toJSON that throws",
    {
      bad: {
        toJSON: () => {
          throw new Error("mine");
        },
      },
    },
    /mine\. Send/,
  ],
])("refuses %s with the reason and the place", (_, data, expected) => {
  let error: unknown;
  try {
    encode(data);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(TidegateError);
  expect(error).toMatchObject({ code: "invalid-data", retryable: false, outcome: "rejected" });
  expect((error as Error).message).toMatch(expected);
  expect((error as Error).message).not.toContain("\n");
});
