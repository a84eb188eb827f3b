import { encode } from "../encode.js";
import { TidegateError } from "../errors.js";
import type { superJson } from "./super-json.js";

/** A value in transit: text, and how to read it. */
export interface Packet {
  readonly data: string;
  readonly type: string;
}

const SUPER_JSON = "application/super+json";

let library: typeof superJson | undefined;

/** The library for what JSON alone does not say: loaded when a packet first needs it, and again if that failed. */
async function loadLibrary(): Promise<typeof superJson> {
  try {
    library ??= (await import("./super-json.js")).superJson;
    return library;
  } catch (cause) {
    const message =
      "superjson could not be loaded. Check that the page can still fetch its own scripts, and try again.";
    throw new TidegateError(message, { code: "engine-unavailable", retryable: true, outcome: "rejected", cause });
  }
}

/**
 * What a packet says: a promise only where its reader has to be loaded first. Empty data stand for undefined. Throws or rejects where
 * the data are not what the type says.
 */
export function decodePacket({ data, type }: Packet): unknown {
  if (!data) return undefined;
  // What an object store says of it may have parameters.
  const kind = type.split(";", 1)[0]?.trim();
  if (kind === "application/json") return JSON.parse(data);
  if (kind !== SUPER_JSON) return data;
  const read = JSON.parse(data);
  const { json, meta } = read;
  if (!meta) return json;
  return library ? library.deserialize(read) : loadLibrary().then((loaded) => loaded.deserialize(read));
}

/** The packet of a value, as a trigger sends it. */
export interface EncodedPacket {
  readonly data: unknown;
  readonly type: string;
}

/**
 * The packet of a value. Dates, maps, sets and whatever else `superjson` knows keep their types. Rejects with `invalid-data` if even
 * plain JSON cannot say it.
 */
export async function encodePacket(value: unknown): Promise<EncodedPacket> {
  if (value === undefined) return { data: undefined, type: "application/json" };
  if (typeof value === "string") return { data: value, type: "text/plain" };
  if (isPlain(value)) return { data: `{"json":${JSON.stringify(value)}}`, type: SUPER_JSON };
  const superJson = await loadLibrary();
  try {
    return { data: superJson.stringify(value), type: SUPER_JSON };
  } catch {
    encode(value); // or the reason why it cannot be sent
    return { data: value, type: "application/json" };
  }
}

/** Whether JSON alone says all of it. An object that is there twice is one thing, which JSON does not say. */
function isPlain(value: unknown, seen = new Set<unknown>()): boolean {
  if (typeof value === "number") return Number.isFinite(value) && !Object.is(value, -0);
  if (typeof value !== "object" || value === null) return /^(string|boolean|object)$/.test(typeof value);
  if (seen.has(value)) return false;
  seen.add(value);
  if (Array.isArray(value)) return Array.from(value).every((item) => isPlain(item, seen));
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return Object.entries(value).every(
    ([key, item]) => !/^(__proto__|prototype|constructor)$/.test(key) && isPlain(item, seen),
  );
}
