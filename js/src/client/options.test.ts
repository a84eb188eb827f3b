import { afterEach, describe, expect, it, vi } from "vitest";
import { TidegateError } from "./errors.js";
import { checkName, checkToken, toEndpoint } from "./options.js";
import { type StreamStart, startOf } from "./stream-start.js";

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("baseURL", () => {
  it.each([
    [undefined, "https://api.trigger.dev"],
    ["http://127.0.0.1:3030", "http://127.0.0.1:3030"],
    ["https://self.example.com/trigger/", "https://self.example.com/trigger"],
  ])("%o becomes %o", (baseURL, expected) => {
    expect(toEndpoint({ baseURL }).baseURL).toBe(expected);
  });

  it("may be a path of the page's own server", () => {
    expect(toEndpoint({ baseURL: "/api/tidegate/" }).baseURL).toBe("/api/tidegate/");
    vi.stubGlobal("location", { href: "https://app.example.com/runs/1" });
    expect(toEndpoint({ baseURL: "/api/tidegate/" }).baseURL).toBe("https://app.example.com/api/tidegate");
  });

  it.each([
    "",
    "api.trigger.dev",
    "//api.trigger.dev",
    "localhost:3030",
    "ftp://example.com",
    "https://user:pass@example.com",
    "https://user@example.com",
    "https://:pass@example.com",
    "https://example.com/?a=1",
    "https://example.com/#x",
    42,
    null,
    {},
  ])("%o is refused with what to pass instead, and not repeated", (baseURL) => {
    const attempt = () => toEndpoint({ baseURL: baseURL as string });
    expect(attempt).toThrow(TidegateError);
    expect(attempt).toThrow(/"https:\/\/api\.trigger\.dev"/);
    expect(attempt).not.toThrow(/user|pass/);
  });
});

it("takes an empty branch for none", () => {
  expect(toEndpoint({ previewBranch: "" }).branch).toBeUndefined();
  expect(toEndpoint({ previewBranch: "feat/x" }).branch).toBe("feat/x");
});

it.each([
  [42, "number"],
  [null, "null"],
  [{ token: "eyJ.secret" }, "object"],
  [true, "boolean"],
])("refuses %o as a token and says what it is", (token, kind) => {
  expect(() => checkToken(token)).toThrow(`not ${kind}`);
  expect(() => checkToken(token)).not.toThrow(/secret/);
});

it.each(["", undefined, null, 7])("refuses %o as a name with the remedy", (name) => {
  expect(() => checkName("run id", name, "Pass the id of the run.")).toThrow(/run id is .*Pass the id of the run\./);
});

describe("where reading begins", () => {
  it.each<[StreamStart, string | undefined]>([
    [{}, undefined],
    [{ startIndex: 0 }, undefined],
    [{ startIndex: 5 }, "4"],
    [{ lastEventId: "1790-0", startIndex: 5, from: "latest" }, "1790-0"],
    [{ startIndex: 2, from: "latest" }, "1"],
    [{ from: "latest" }, "latest"],
    [{ from: "start" }, undefined],
  ])("%o is behind %o", (start, expected) => {
    expect(startOf(start)).toBe(expected);
  });

  it.each([-1, 1.5, Number.NaN])("refuses startIndex %o", (startIndex) => {
    expect(() => startOf({ startIndex })).toThrow(`not ${startIndex}`);
  });
});
