import { expect, it, vi } from "vitest";
import { describe as words } from "../wasm/describe.js";
import type { Problem, ProblemCode } from "../wasm/interface.js";
import { TidegateError } from "./errors.js";

const cases: Record<ProblemCode, [Partial<Problem>, RegExp]> = {
  "run-finished": [{ status: 400 }, /run has finished.*Start a new run/],
  "not-found": [{ status: 404, serverMessage: "Resource not found" }, /^There is no such run.*Check the run id/],
  forbidden: [{ missingScope: "read:runs:run_1" }, /lacks the scope "read:runs:run_1".*Mint one/],
  unauthorized: [{ status: 401 }, /refused the access token.*pass a new one/],
  "token-missing": [{}, /no access token.*Pass accessToken/],
  "token-malformed": [{}, /not a whole public access token.*Pass the JWT/],
  "token-expired": [{ expiredAtMs: 1_790_000_000_000 }, /expired at 2026-09-21T14:13:20\.000Z.*function/],
  "invalid-data": [{}, /could not read the data/],
  "too-large": [{ actualBytes: 2_000_000, limitBytes: 1_048_576 }, /2000000 bytes, where 1048576 bytes is the most/],
  offline: [{}, /offline.*Try again/],
  blocked: [{}, /no readable answer.*CORS/],
  "rate-limited": [{ status: 429 }, /too many.*Wait a minute/],
  server: [{ status: 503 }, /\(HTTP 503\).*Try again/],
  protocol: [{ status: 200 }, /\(HTTP 200\).*base URL/],
  timeout: [{}, /did not answer in time.*Try again/],
  aborted: [{}, /cancelled/],
};

it.each(Object.entries(cases))("%s: says what happened and what to do", (code, [details, expected]) => {
  const sentence = words({ code: code as ProblemCode, retryable: false, ...details });
  expect(sentence).toMatch(expected);
  expect(sentence).toMatch(/\.$/);
  expect(sentence).not.toMatch(/undefined|null|NaN/);
});

it("says less where less is known", () => {
  const bare = (code: ProblemCode) => words({ code, retryable: false });
  expect(bare("forbidden")).toMatch(/does not allow this.*the run id.*the scope/);
  expect(bare("token-expired")).toMatch(/^The access token expired\. /);
  expect(bare("too-large")).toMatch(/^The data is too large\. /);
  expect(bare("server")).toMatch(/^The server failed\. /);
  expect(words({ code: "token-expired", retryable: false, expiredAtMs: 1e300 })).toMatch(/expired\. /);
});

it("speaks of what was asked, where a token is refused that has the scope", () => {
  const sentence = words({ code: "forbidden", retryable: false, status: 403, subject: "wait token" });
  expect(sentence).toMatch(/does not allow this.*the wait token id.*the scope/);
  expect(sentence).not.toMatch(/lacks|run id/);
});

it("says what is wrong with a stream: an answer that a proxy may keep, and an event past what is read", () => {
  const sentence = (code: ProblemCode, subject: string) => words({ code, retryable: true, subject });
  expect(sentence("timeout", "stream")).toMatch(/Nothing came.*proxy.*buffering off/);
  expect(sentence("protocol", "event")).toMatch(/larger than 16 MiB.*smaller parts/);
  expect(sentence("protocol", "electric-offset")).toMatch(/"electric-offset"/);
});

it("doubts the base URL where a 404 has no words of an API", () => {
  expect(words({ code: "not-found", retryable: false, status: 404 })).toMatch(/^The base URL may be wrong/);
  expect(words({ code: "not-found", retryable: false })).toMatch(/^There is no such run/);
});

it("adds that an unknown outcome is unknown, and the words of the server or of the token function", () => {
  const problem: Problem = { code: "server", retryable: true, status: 500, serverMessage: "Internal Server Error" };
  expect(words(problem, "unknown")).toMatch(/may or may not have arrived.*The server said: "Internal Server Error"\.$/);
  const provider: Problem = {
    code: "token-missing",
    retryable: false,
    serverMessage: "The accessToken function failed: no session.",
  };
  expect(words(provider, "rejected")).not.toMatch(/server said|may or may not/);
  expect(words(provider)).toMatch(/ The accessToken function failed: no session\.$/);
});

it("is an Error with the fields for code", () => {
  const cause = new Error("below");
  const error = new TidegateError("A sentence.", { code: "forbidden", retryable: false, status: 403, cause });
  expect(error).toBeInstanceOf(Error);
  expect(error).toBeInstanceOf(TidegateError);
  expect(error).toMatchObject({ name: "TidegateError", message: "A sentence.", code: "forbidden", status: 403, cause });
  expect("cause" in new TidegateError("x", { code: "server", retryable: true })).toBe(false);
  expect(Object.keys(error)).not.toContain("cause");
});

it("is recognised by another copy of the package", async () => {
  vi.resetModules();
  const copy = await import("./errors.js");
  expect(copy.TidegateError).not.toBe(TidegateError);
  expect(new copy.TidegateError("x", { code: "server", retryable: true })).toBeInstanceOf(TidegateError);
  for (const other of [new Error("x"), null, "TidegateError", undefined])
    expect(other instanceof TidegateError).toBe(false);
});
