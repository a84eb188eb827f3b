/** In place of an instruction: something between functions, and the head of one. */
const PIECE = 254;
const FUNCTION = 255;
/** Rows in which a number says how many bytes follow; in those behind them, a number is all. */
const LAST_COUNTED = 3;
const OFFSETS = 4;
/** Where the places of the rows end, and the kinds of instructions begin. */
const KINDS = 64;

/**
 * Puts together what js/scripts/sort.mjs has taken apart: of each instruction the first byte comes from one row, and the rest from the
 * row of its kind.
 */
export function unsort(sorted: ArrayBuffer): Uint8Array<ArrayBuffer> {
  const from = new Uint8Array(sorted);
  // Where each row goes on; in place of row 0, the size of the module.
  const next = new Uint32Array(sorted, 0, KINDS / 4);
  const module = new Uint8Array(next[0] as number);
  let to = 0;
  let body = 0;
  const take = (row: number) => from[(next[row] as number)++] as number;
  const copy = (row: number) => {
    const byte = take(row);
    module[to++] = byte;
    return byte;
  };
  while (to < module.length) {
    const code = take(1);
    if (code < PIECE) module[to++] = code;
    else {
      // The size of a function is known at its end.
      if (body) {
        const size = to - body;
        module[body - 3] = size | 128;
        module[body - 2] = (size >> 7) | 128;
        module[body - 1] = size >> 14;
      }
      body = 0;
      if (code === FUNCTION) {
        to += 3;
        body = to;
      }
    }
    const kind = from[KINDS + code] as number;
    const row = kind & 15;
    if (row > LAST_COUNTED) {
      if (row === OFFSETS) module[to++] = kind >> 4; // the alignment
      while (copy(row) > 127);
    } else if (row) {
      for (let count = take(row); count > 0; count--) copy(row);
    }
  }
  return module;
}
