import { expect, test } from "vitest";
import { TidegateError } from "../client/errors.js";
import { checkTimeout } from "./timeout.js";

test.each([
  ...[undefined, "10s", "0s", "1h", "1w2d3h4m5s", "1d12h", "5s1m", "2hr", "007d"],
  ...[
    "2026-11-21",
    "2026-11-21T22:56:05.269Z",
    "2026-11-21 22:56Z",
    "2026-11-21T22:56:05+01:00",
    "2001-01-01T00:00:00Z",
  ],
  new Date(),
])("%s is a timeout", (given) => {
  expect(() => checkTimeout(given)).not.toThrow();
});

test.each([
  ...["", "soon", "1 second", "1sec", "0.5s", "PT1S", "-1s", "1", "s", "1h1h", "1h1hr", "1h ", "1H", "99999999999w"],
  ...["2026-02-30", "2026-13-01", "2026-11-21T22:56:05", "2026-11-21T25:00Z", "1969-12-31", "tomorrow", "May 1, 2026"],
  ...[5, 0, null, {}, new Date("x")],
])("%s is none", (given) => {
  expect(() => checkTimeout(given)).toThrow(TidegateError);
  expect(() => checkTimeout(given)).toThrow(/timeout is none that can be read\. Pass a duration/);
});
