/** What the glue of the JavaScript core takes from its host, and what does instead in engines that lack it, as Hermes does on a phone. */

interface Decoder {
  decode(bytes?: Uint8Array): string;
}
type Encoder = Pick<TextEncoder, "encodeInto">;

let utf8: typeof import("./utf-8.js");

/** Loads what this engine lacks. To be awaited before a core starts. */
export async function fillIn(): Promise<void> {
  if (!(hasDecoder() && hasEncoder())) utf8 = await import("./utf-8.js");
}

const hasDecoder = () => typeof TextDecoder === "function";
const hasEncoder = () => typeof TextEncoder === "function";

export function newTextDecoder(): Decoder {
  if (hasDecoder()) return new TextDecoder("utf-8", { ignoreBOM: true });
  // The glue tries it once without bytes, when nothing has been loaded yet.
  return { decode: (bytes?: Uint8Array) => (bytes ? utf8.decode(bytes) : "") };
}

export function newTextEncoder(): Encoder {
  return hasEncoder() ? new TextEncoder() : { encodeInto: (text, bytes) => utf8.encodeInto(text, bytes) };
}

/** For keys that must differ, not for secrets. */
export function fillRandom(bytes: Uint8Array<ArrayBuffer>): void {
  const source = globalThis.crypto as Crypto | undefined;
  if (source) source.getRandomValues(bytes);
  else for (let at = 0; at < bytes.length; at += 1) bytes[at] = Math.random() * 256;
}
