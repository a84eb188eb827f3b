import { encode, invalidData } from "../client/encode.js";
import { TidegateError } from "../client/errors.js";

/** A value as JSON text. Dates become strings; what JSON would leave out without a word throws `invalid-data`. */
export function toJson(value: unknown): string {
  if (value === undefined) throw unfit("it is undefined. Take a key out with del");
  refuseWhatIsLost(value);
  return encode(value);
}

/** A whole document as JSON text: an object, and nothing else. */
export function toDocument(value: unknown): string {
  const json = toJson(value);
  if (json.startsWith("{")) return json;
  const what = Array.isArray(value) ? "an array" : value === null ? "null" : `a ${typeof value}`;
  throw unfit(`the whole must be an object, and it is ${what}. Put it under a key`);
}

/** A finite number as JSON text. */
export function toStep(value: unknown): string {
  if (typeof value === "number" && Number.isFinite(value)) return String(value);
  throw unfit(`a number is needed to count by, and it is ${typeof value === "number" ? value : `a ${typeof value}`}`);
}

function refuseWhatIsLost(value: unknown): void {
  try {
    JSON.stringify(value, (key, inner: unknown) => {
      const kind = inner instanceof Map ? "Map" : inner instanceof Set ? "Set" : typeof inner;
      if (["function", "symbol", "Map", "Set"].includes(kind))
        throw unfit(`it holds a ${kind}${key && ` (at "${key}")`}. Pass plain values, arrays and objects`);
      return inner;
    });
  } catch (error) {
    if (error instanceof TidegateError) throw error; // and what JSON.stringify says itself is for the encoder to say
  }
}

const unfit = (reason: string) => invalidData("cannot be metadata", reason);
