/** Text to bytes and back, for engines that cannot, as Hermes on a phone. */

/** How many units of text are put together at once: engines limit the arguments of a call. */
const LOT = 4096;

/** Of the core's own texts, which are valid UTF-8. */
export function decode(bytes: Uint8Array): string {
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
export function encodeInto(text: string, bytes: Uint8Array): { read: number; written: number } {
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
