/** What the glue of the JavaScript core takes from its host, and what does instead in engines that lack it, as Hermes does on a phone. */

type Decoder = Pick<TextDecoder, "decode">;
type Encoder = Pick<TextEncoder, "encodeInto">;

/** How many units of text are put together at once: engines limit the arguments of a call. */
const LOT = 4096;

export function newTextDecoder(): Decoder {
  return typeof TextDecoder === "function" ? new TextDecoder("utf-8", { ignoreBOM: true }) : { decode };
}

export function newTextEncoder(): Encoder {
  return typeof TextEncoder === "function" ? new TextEncoder() : { encodeInto };
}

/** For keys that must differ, not for secrets. */
export function fillRandom(bytes: Uint8Array<ArrayBuffer>): void {
  const source = globalThis.crypto as Crypto | undefined;
  if (source) source.getRandomValues(bytes);
  else for (let at = 0; at < bytes.length; at += 1) bytes[at] = Math.random() * 256;
}

/** Of the core's own texts, which are valid UTF-8. */
function decode(bytes: Uint8Array = new Uint8Array()): string {
  let text = "";
  let lot: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at++] as number;
    let more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    let point = more ? first & (0x3f >> more) : first;
    for (; more; more -= 1) point = (point << 6) | ((bytes[at++] as number) & 0x3f);
    if (point < 0x10000) lot.push(point);
    else lot.push(0xd7c0 + (point >> 10), 0xdc00 | (point & 0x3ff));
    if (lot.length >= LOT) {
      text += String.fromCharCode(...lot);
      lot = [];
    }
  }
  return text + String.fromCharCode(...lot);
}

/** There is room: three bytes for each unit of the text. What is no character becomes U+FFFD. */
function encodeInto(text: string, bytes: Uint8Array): { read: number; written: number } {
  let written = 0;
  for (let at = 0; at < text.length; at += 1) {
    let point = text.codePointAt(at) as number;
    if (point >= 0x10000) at += 1;
    else if (point >= 0xd800 && point < 0xe000) point = 0xfffd;
    let more = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    bytes[written++] = more ? ((0xff << (7 - more)) & 0xff) | (point >> (6 * more)) : point;
    while (more--) bytes[written++] = 0x80 | ((point >> (6 * more)) & 0x3f);
  }
  return { read: text.length, written };
}
