// The functions of a module in an order that compresses well: each behind those that it is most like, since what compresses them looks
// 32 kB back. They may stand in any order.
import { readFileSync, writeFileSync } from "node:fs";

/** How many bytes are compared at a time, how many functions back, and how much less each of those counts than the one behind it. */
const GRAM = 3;
const BACK = 5;
const FADE = 0.8;

/** Writes `textFile`, the text of the module in `wasmFile`, with its functions in another order. */
export function order(wasmFile, textFile) {
  const grams = bodies(readFileSync(wasmFile)).map(gramsOf);
  const text = readFileSync(textFile, "utf8");
  const functions = text.match(/^ \(func [\s\S]*?^ \)\n/gm);
  if (functions?.length !== grams.length) throw new Error("The module's text has other functions than the module");
  const [before, behind] = [text.indexOf(functions[0]), text.lastIndexOf(functions.at(-1)) + functions.at(-1).length];
  if (before + functions.join("").length !== behind)
    throw new Error("The module's text has more than functions between them");
  const ordered = chain(grams).map((index) => functions[index]);
  writeFileSync(textFile, text.slice(0, before) + ordered.join("") + text.slice(behind));
}

/** From the first on, always what shares most with the last few, for its size. */
function chain(grams) {
  const rarity = rarityOf(grams);
  const left = new Set(grams.keys());
  const chained = [];
  while (left.size > 0) {
    const wanted = new Map();
    for (const [distance, other] of chained.slice(-BACK).reverse().entries()) {
      for (const gram of grams[other]) {
        wanted.set(gram, (wanted.get(gram) ?? 0) + rarity.get(gram) * FADE ** distance);
      }
    }
    let best = { index: 0, worth: -1 };
    for (const index of left) {
      let shared = 0;
      for (const gram of grams[index]) shared += wanted.get(gram) ?? 0;
      const worth = shared / (grams[index].size + 80);
      if (worth > best.worth) best = { index, worth };
      if (chained.length === 0) break;
    }
    chained.push(best.index);
    left.delete(best.index);
  }
  return chained;
}

function gramsOf(body) {
  const grams = new Set();
  for (let at = 0; at + GRAM <= body.length; at += 1) grams.add(body.readUIntBE(at, GRAM));
  return grams;
}

/** What many of them hold says little. */
function rarityOf(grams) {
  const counts = new Map();
  for (const gram of grams.flatMap((each) => [...each])) counts.set(gram, (counts.get(gram) ?? 0) + 1);
  return new Map([...counts].map(([gram, count]) => [gram, Math.log(grams.length / count)]));
}

/** The code of each function, in the module's order. */
function bodies(module) {
  for (let at = 8; at < module.length; ) {
    const size = number(module, at + 1);
    if (module[at] === 10) {
      const count = number(module, size.end);
      const found = [];
      for (let from = count.end; found.length < count.value; ) {
        const length = number(module, from);
        from = length.end + length.value;
        found.push(module.subarray(length.end, from));
      }
      return found;
    }
    at = size.end + size.value;
  }
  return [];
}

/** Of the module's own encoding: seven bits a byte, the lowest first. */
export function number(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7, at += 1) {
    value += (bytes[at] & 127) * 2 ** shift;
    if (bytes[at] < 128) return { value, end: at + 1 };
  }
}
