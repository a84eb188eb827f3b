import { invalidOptions } from "../client/errors.js";

const LONGEST_S = 30 * 86_400;

const UNITS: readonly (readonly [names: RegExp, seconds: number])[] = [
  [/^s(ec(ond)?s?)?$/, 1],
  [/^m(in(ute)?s?)?$/, 60],
  [/^(h|hrs?|hours?)$/, 3_600],
  [/^d(ays?)?$/, 86_400],
  [/^w(eeks?)?$/, 604_800],
  [/^(y|yrs?|years?)$/, 31_557_600],
];

/** When a token expires: a span such as `15m` or `2 hours`, a Date, or Unix time in **seconds**. At most 30 days away. */
export type ExpirationTime = string | number | Date;

/** In seconds since 1970; throws `invalid-options`. */
export function toExpiry(given: ExpirationTime, now: number): number {
  const expiry = read(given, now);
  if (!Number.isFinite(expiry))
    throw invalidOptions(
      `expirationTime is none that can be read. Pass a span such as "15m", "2 hours" or "7d", a Date, or Unix time in seconds.`,
    );
  if (expiry <= now)
    throw invalidOptions(
      `expirationTime has passed: ${iso(expiry)}.${typeof given === "number" ? ' A number is Unix time in seconds; a span is a text, such as "15m".' : ""}`,
    );
  if (expiry > now + LONGEST_S)
    throw invalidOptions(
      `expirationTime is more than 30 days away, which is the most.${typeof given === "number" && given > 1e11 ? " A number is Unix time in seconds, and this looks like milliseconds: pass a Date." : ""}`,
    );
  return expiry;
}

function read(given: unknown, now: number): number {
  if (given instanceof Date) return Math.floor(given.getTime() / 1_000);
  if (typeof given === "number") return Math.floor(given);
  if (typeof given !== "string") return Number.NaN;
  const [, sign, number, unit = "", ago] =
    /^([+-]?) ?(\d+(?:\.\d+)?) ?([a-z]+)( ago| from now)?$/.exec(given.trim().toLowerCase()) ?? [];
  const seconds = Number(number) * (UNITS.find(([names]) => names.test(unit))?.[1] ?? Number.NaN);
  return now + Math.round(sign === "-" || ago === " ago" ? -seconds : seconds);
}

function iso(seconds: number): string {
  const time = new Date(seconds * 1_000);
  return Number.isNaN(time.getTime()) ? `${seconds}` : time.toISOString();
}
