import { invalidOptions } from "../client/errors.js";

const SPAN = /^(?:\d{1,10}(?:w|d|hr?|m|s))+$/;
const ISO = /^(\d{4}-\d\d-\d\d)(?:[T ]([01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/;

/** A server takes what it cannot read for no timeout, and says nothing. Throws a TidegateError `invalid-options` instead. */
export function checkTimeout(given: unknown): void {
  if (given === undefined) return;
  const text = given instanceof Date ? isoOf(given) : given;
  if (typeof text === "string" && (isSpan(text) || isTime(text))) return;
  throw invalidOptions('timeout is none that can be read. Pass a duration such as "10m", "24h" or "7d", or a Date.');
}

/** Each unit once, in any order. */
function isSpan(text: string): boolean {
  const units = text.match(/[wdhms]/g) ?? [];
  return SPAN.test(text) && new Set(units).size === units.length;
}

/** From 1970 on. That a month has such a day is not what `Date.parse` sees to. */
function isTime(text: string): boolean {
  const day = ISO.exec(text)?.[1];
  return !!day && isoOf(new Date(day)).startsWith(day) && Date.parse(text) >= 0;
}

function isoOf(date: Date): string {
  return Number.isNaN(date.getTime()) ? "" : date.toISOString();
}
