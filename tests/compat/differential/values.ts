import type { Random } from "./random.js";

/** A value such as tasks are given and return: mostly plain, with everything in it that super+json knows. */
export function someValue(random: Random, depth = 4): unknown {
  const shared: object[] = [];
  const value = (left: number): unknown => {
    if (left === 0 || random.oneIn(3)) return leaf(random);
    if (shared.length > 0 && random.oneIn(12)) return random.pick(shared);
    const made = container(random, () => value(left - 1));
    shared.push(made);
    return made;
  };
  return value(depth);
}

/** A value that JSON says by itself. */
export function somePlainValue(random: Random, depth = 4): unknown {
  if (depth === 0 || random.oneIn(3)) {
    return random.pick([null, true, false, 0, 1, -1.5, 1e21, 5e-324, random.below(1e9), random.text()]);
  }
  const inner = () => somePlainValue(random, depth - 1);
  if (random.oneIn(2)) return random.list(4, inner);
  return Object.fromEntries(random.list(4, () => [key(random), inner()]));
}

function key(random: Random): string {
  return random.pick(["a", "b", "c", "0", "1", "d.e", "f", "list", "deep", random.text()]);
}

function leaf(random: Random): unknown {
  const time = random.below(2 ** 31) * 1000 + random.below(1000);
  const make: (() => unknown)[] = [
    () => null,
    () => undefined,
    () => random.oneIn(2),
    () => random.below(1000) - 500,
    () => random.pick([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0.1, 1e300]),
    () => random.text(),
    () => BigInt(random.below(2 ** 30)) ** 3n,
    () => new Date(time),
    () => new Date(Number.NaN),
    () => random.pick([/a+/, /\/x/gi, /[\u4e00-\u9fa5]/u]),
    () => new URL(`https://example.com/${random.below(100)}?a=b`),
    () => Object.assign(new Error(random.text()), { name: random.pick(["Error", "TypeError", "Mine"]) }),
    () =>
      random
        .pick([Uint8Array, Int16Array, Float64Array, Uint8ClampedArray])
        .from(random.list(3, () => random.below(200))),
    () => Buffer.from(random.list(4, () => random.below(256))),
    () => () => {},
  ];
  return random.pick(make)();
}

function container(random: Random, inner: () => unknown): object {
  const make: (() => object)[] = [
    () => random.list(4, inner),
    () => Object.fromEntries(random.list(4, () => [key(random), inner()])),
    () => Object.fromEntries(random.list(4, () => [key(random), inner()])),
    () => new Map(random.list(3, () => [random.oneIn(3) ? inner() : key(random), inner()])),
    () => new Set(random.list(3, inner)),
    () => {
      const round: Record<string, unknown> = { inner: inner() };
      round.round = random.oneIn(2) ? round : [round];
      return round;
    },
  ];
  return random.pick(make)();
}
