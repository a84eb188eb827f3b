import { expect, test } from "vitest";
import { toExpiry } from "./expiry.js";

const NOW = 1_790_000_000;

test.each([
  ["15m", 900],
  ["2 hours", 7_200],
  ["1 day from now", 86_400],
  ["90 SECONDS", 90],
  ["1.5h", 5_400],
  ["+ 3 mins", 180],
  ["2 weeks", 1_209_600],
  ["30d", 2_592_000],
])("%s is %d seconds from now", (span, seconds) => expect(toExpiry(span, NOW)).toBe(NOW + seconds));

test("a Date and a number are times", () => {
  expect(toExpiry(new Date((NOW + 60) * 1_000 + 999), NOW)).toBe(NOW + 60);
  expect(toExpiry(NOW + 60, NOW)).toBe(NOW + 60);
});

test.each([
  ["soon", /none that can be read.*"15m"/],
  ["15", /none that can be read/],
  ["1h30m", /none that can be read/],
  ["1 fortnight", /none that can be read/],
  [new Date("never"), /none that can be read/],
  [Number.NaN, /none that can be read/],
  [true, /none that can be read/],
  ["-5m", /has passed/],
  ["5 minutes ago", /has passed/],
  [NOW, /has passed/],
  ["0s", /has passed/],
  [900, /has passed: 1970-01-01T00:15:00.000Z\. A number is Unix time in seconds/],
  ["31d", /more than 30 days away/],
  ["1y", /more than 30 days away/],
  [(NOW + 60) * 1_000, /more than 30 days away.*milliseconds: pass a Date/],
])("%s is refused with a remedy", (given, sentence) => {
  expect(() => toExpiry(given as string, NOW)).toThrow(sentence);
});
