import { messageOf, TidegateError } from "./errors.js";

/** `JSON.stringify` that throws `invalid-data` with the reason and the place. */
export function encode(data: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(data);
  } catch (cause) {
    throw notJson(`${messageOf(cause).split("\n")[0]}${placeIn(data)}`, cause);
  }
  if (json === undefined) throw notJson(`it is ${data === undefined ? "undefined" : `a ${typeof data}`}`);
  return json;
}

function notJson(reason: string, cause?: unknown): TidegateError {
  return invalidData("cannot be sent as JSON", `${reason}. Send plain values, arrays and objects`, cause);
}

/** The data themselves are at fault: nothing was sent. */
export function invalidData(what: string, reason: string, cause?: unknown): TidegateError {
  const message = `The data ${what}: ${reason}.`;
  return new TidegateError(message, { code: "invalid-data", retryable: false, outcome: "rejected", cause });
}

/** Where `JSON.stringify` gives up: at the last key it asks a replacer about, which for the whole is an empty one. */
function placeIn(data: unknown): string {
  let last = "";
  try {
    JSON.stringify(data, (key, value) => {
      last = key;
      return value;
    });
  } catch {}
  if (last) return ` (at "${last}")`;
  return typeof data === "object" ? "" : " (the value itself)";
}
