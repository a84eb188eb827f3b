/** Numbers and choices that look random and are the same for the same seed. */
export interface Random {
  /** A whole number from 0 up, below `end`. */
  below(end: number): number;
  /** True once in so many times. */
  oneIn(times: number): boolean;
  pick<T>(choices: readonly T[]): T;
  list<T>(most: number, make: () => T): T[];
  /** Some text: plain words, or what parsers stumble over. */
  text(): string;
}

const WORDS = [
  "",
  "a",
  "run",
  "NULL",
  "null",
  "t",
  "0",
  " ",
  "x y",
  'quo"te',
  "back\\slash",
  "{",
  "}",
  "a,b",
  "ünï",
  "日本",
  "😀",
  "\n",
  "\t",
  "\u0000",
  "'",
  "a.b",
  "a\\.b",
  "__x",
  "1e3",
  "{}",
  "[0]",
];

export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (end: number) => Math.floor(next() * end);
  const pick = <T>(choices: readonly T[]) => choices[below(choices.length)] as T;
  const list = <T>(most: number, make: () => T) => Array.from({ length: below(most + 1) }, make);
  return { below, pick, list, oneIn: (times) => below(times) === 0, text: () => list(3, () => pick(WORDS)).join("") };
}
