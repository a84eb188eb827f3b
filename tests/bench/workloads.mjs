// What is streamed: many small texts, fewer objects, a few tables.

/** 12 characters, as a model's tokens are. */
export const token = (index) => ` tok${String(index).padStart(8, "0")}`;

/** About 1 KB. */
function object(index) {
  return {
    type: "text-delta",
    id: `msg_${index % 17}`,
    index,
    delta: `${"The quick brown fox jumps over the lazy dog. ".repeat(14)}${index}`,
    usage: { in: index, out: index * 2, cached: false },
    tags: ["alpha", "beta", "gamma", "delta"],
    scores: [0.1, 0.25, 1 / 3, index / 7, 12345.678],
    meta: { model: "m-1", trace: "abcdef0123456789abcdef0123456789", ok: true, none: null, text: "π≈3.14159 — é" },
  };
}

const rows = Array.from({ length: 1700 }, (_, id) => ({
  id,
  name: `customer number ${id}`,
  email: `user${id}@example.test`,
  total: id * 1.37,
  active: id % 3 === 0,
  note: 'lorem ipsum dolor "sit" amet',
}));
/** About 200 KB. */
const table = (index) => ({ index, kind: "table", rows });

/** By run id: the wire's version, how many parts, how many of them in one event of v2, and what they are. */
export const workloads = {
  "v2-tokens": { version: "v2", count: 100_000, batch: 1, makePart: token },
  "v2-token-batches": { version: "v2", count: 100_000, batch: 100, makePart: token },
  "v2-objects": { version: "v2", count: 20_000, batch: 10, makePart: object },
  "v2-tables": { version: "v2", count: 200, batch: 1, makePart: table },
  "v1-tokens": { version: "v1", count: 100_000, makePart: token },
  "v1-objects": { version: "v1", count: 20_000, makePart: object },
  "v1-tables": { version: "v1", count: 200, makePart: table },
};

/** A checksum that tells a lost, repeated, changed or misplaced part; begin with 0. */
export function checksum(sum, part) {
  const value =
    typeof part === "string"
      ? part.length * 31 + Number(part.slice(4))
      : part.index * 31 + (part.delta ?? part.rows).length;
  return (Math.imul(sum, 33) + value) | 0;
}

export function checksumOf({ count, makePart }) {
  let sum = 0;
  for (let index = 0; index < count; index++) sum = checksum(sum, makePart(index));
  return sum;
}
