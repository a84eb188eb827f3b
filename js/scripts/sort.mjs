// A module sorted by what its bytes are: all first bytes of instructions in one row, all offsets in another, and so on. What is alike
// compresses better, by an eighth of all that is sent. js/src/wasm/unsort.ts, which must agree with it, puts the module together again.
import { number } from "./order.mjs";

/** The rows: where each starts leads them, and the size of the module leads that. */
const INSTRUCTIONS = 1;
const COUNTED = 2;
const LOCALS = 3;
const OFFSETS = 4;
const [CONSTANTS, LONG_CONSTANTS, CALLS, READ, WRITTEN, BRANCHES, BLOCKS, GLOBALS] = [5, 6, 7, 8, 9, 10, 11, 12];
const rows = 16;
/** What is no instruction. */
const PIECE = 254;
const FUNCTION = 255;

/** Of what reads and writes memory, from this on, the alignment that its type has. */
const FIRST_ACCESS = 0x28;
const alignments = Uint8Array.from("23230011001122232301012");
const isAccess = (code) => code >= FIRST_ACCESS && code < FIRST_ACCESS + alignments.length;

/** In which row the numbers behind each first byte are. What is rare is counted. An alignment stands above. */
const kinds = new Uint8Array(256);
for (const code of [0x0e, 0x11, 0x1c, 0x25, 0x26, 0x3f, 0x40, 0x43, 0x44, 0xd0, 0xd2, 0xfc, 0xfd, PIECE])
  kinds[code] = COUNTED;
for (const [at, alignment] of alignments.entries()) kinds[FIRST_ACCESS + at] = OFFSETS | (alignment << 4);
for (const code of [0x02, 0x03, 0x04]) kinds[code] = BLOCKS;
for (const code of [0x0c, 0x0d]) kinds[code] = BRANCHES;
for (const code of [0x21, 0x22]) kinds[code] = WRITTEN;
for (const code of [0x23, 0x24]) kinds[code] = GLOBALS;
kinds[0x10] = CALLS;
kinds[0x20] = READ;
kinds[0x41] = CONSTANTS;
kinds[0x42] = LONG_CONSTANTS;
kinds[FUNCTION] = LOCALS;

/** The rows of a module that `even` has made. */
export function sort(module) {
  const { before, functions, behind } = read(module);
  const sorted = Array.from({ length: rows }, () => []);
  const put = (code, bytes) => {
    sorted[INSTRUCTIONS].push(code);
    const row = kinds[code] & 15;
    if (row === COUNTED || row === LOCALS) sorted[row].push(bytes.length);
    if (row !== 0) sorted[row].push(...bytes.subarray(row === OFFSETS ? 1 : 0));
  };
  const putPieces = (bytes) => {
    for (let at = 0; at < bytes.length; at += 255) put(PIECE, bytes.subarray(at, at + 255));
  };
  putPieces(before);
  for (const { locals, instructions } of functions) {
    put(FUNCTION, locals);
    for (const bytes of instructions) put(bytes[0], bytes.subarray(1));
  }
  putPieces(behind);
  // What is most alike stands together.
  const order = [
    COUNTED,
    LOCALS,
    CONSTANTS,
    LONG_CONSTANTS,
    CALLS,
    OFFSETS,
    READ,
    WRITTEN,
    BRANCHES,
    BLOCKS,
    GLOBALS,
    INSTRUCTIONS,
  ];
  const starts = new Uint32Array(rows);
  starts[0] = module.length;
  let start = starts.byteLength + kinds.length;
  for (const row of order) {
    starts[row] = start;
    start += sorted[row].length;
  }
  return Buffer.concat([Buffer.from(starts.buffer), kinds, ...order.map((row) => Buffer.from(sorted[row]))]);
}

/**
 * The same module in the form that `unsort` gives back: sizes of functions in three bytes, and every access of memory with the alignment that
 * its type has. That is a hint, and the usual one; nothing that runs it takes it for more.
 */
export function even(module) {
  const { before, functions, behind, at } = read(module);
  const bodies = functions.map(({ locals, instructions }) => {
    const body = Buffer.concat([locals, ...instructions.map(aligned)]);
    return Buffer.concat([padded(body.length, 3), body]);
  });
  const code = Buffer.concat([before.subarray(at.content), ...bodies]);
  return Buffer.concat([before.subarray(0, at.size), padded(code.length, 5), code, behind]);
}

function aligned(bytes) {
  return isAccess(bytes[0]) ? Buffer.from(bytes).fill(kinds[bytes[0]] >> 4, 1, 2) : bytes;
}

/** A number of so many bytes, of which the last may be 0. */
const padded = (value, length) =>
  Buffer.from(Array.from({ length }, (_, at) => ((value / 128 ** at) & 127) | (at < length - 1 ? 128 : 0)));

/** The functions, each instruction by itself, and what stands around them. `at`: of their section, the place of its size and what follows. */
function read(module) {
  for (let start = 8; start < module.length; ) {
    const size = number(module, start + 1);
    const end = size.end + size.value;
    if (module[start] === 10) {
      const count = number(module, size.end);
      const functions = [];
      let from = count.end;
      while (functions.length < count.value) {
        const length = number(module, from);
        from = length.end + length.value;
        functions.push(readFunction(module, length.end, from));
      }
      const at = { size: start + 1, content: size.end };
      return { before: module.subarray(0, count.end), functions, behind: module.subarray(end), at };
    }
    start = end;
  }
  throw new Error("A module without functions");
}

function readFunction(module, from, end) {
  const groups = number(module, from);
  let at = groups.end;
  for (let group = 0; group < groups.value; group += 1) at = number(module, at).end + 1;
  const locals = module.subarray(from, at);
  const instructions = [];
  while (at < end) {
    const behind = behindInstruction(module, at);
    instructions.push(module.subarray(at, behind));
    at = behind;
  }
  if (at !== end) throw new Error("The last instruction of a function ends behind it");
  return { locals, instructions };
}

const isKnown = (code) =>
  code < 0x06 ||
  (code > 0x0a && code < 0x12) ||
  (code > 0x19 && code < 0x1d) ||
  (code > 0x1f && code < 0x27) ||
  (code > 0x27 && code < 0xc5) ||
  [0xd0, 0xd1, 0xd2, 0xfc, 0xfd].includes(code);

/** How many numbers follow, where that is not one for the row of its kind. */
const numbers = { 17: 2, 37: 1, 38: 1, 63: 1, 64: 1, 208: 1, 210: 1 };

function behindInstruction(module, start) {
  const code = module[start];
  if (!isKnown(code)) throw new Error(`An instruction that is not known here: ${code}`);
  let at = start + 1;
  const skip = (count) => {
    for (; count > 0; count -= 1) at = number(module, at).end;
  };
  const skipList = (more) => {
    const count = number(module, at);
    at = count.end;
    skip(count.value + more);
  };
  if (code === 0x0e) skipList(1);
  else if (code === 0x1c) skipList(0);
  else if (code === 0x43) at += 4;
  else if (code === 0x44) at += 8;
  else if (code === 0xfc || code === 0xfd) {
    const second = number(module, at);
    at = second.end;
    if (code === 0xfc) skip(second.value < 8 ? 0 : [9, 11, 13, 15, 16, 17].includes(second.value) ? 1 : 2);
    else at = behindVector(module, at, second.value);
  } else if (isAccess(code)) skip(2);
  else skip(numbers[code] ?? (kinds[code] === 0 ? 0 : 1));
  return at;
}

/** Of those on sixteen bytes: accesses, constants and lanes. */
function behindVector(module, at, code) {
  const isLaneAccess = code >= 84 && code <= 91;
  if (code <= 11 || code === 92 || code === 93 || isLaneAccess)
    return number(module, number(module, at).end).end + (isLaneAccess ? 1 : 0);
  if (code === 12 || code === 13) return at + 16;
  return code >= 21 && code <= 34 ? at + 1 : at;
}
