import { inspect, isDeepStrictEqual } from "node:util";
import { parsePacket, stringifyIO } from "@trigger.dev/core/v3";
import { expect, test } from "vitest";
import { decodePacket, encodePacket } from "../../../js/src/client/runs/packets.js";
import { randomFrom } from "./random.js";
import { somePlainValue, someValue } from "./values.js";

const SEEDS = 5_000;

/** What a decoder gives, or that it gives nothing. */
async function outcome(decode: () => unknown): Promise<unknown> {
  try {
    return { value: await decode() };
  } catch {
    return "unreadable";
  }
}

/** Also where both are the date that does not exist, which equals nothing. */
function areSame(one: unknown, other: unknown): boolean {
  const inWords = (value: unknown) => inspect(value, { depth: 20, maxStringLength: 500 });
  return isDeepStrictEqual(one, other) || inWords(one) === inWords(other);
}

const seeds = Array.from({ length: SEEDS }, (_, seed) => seed);

test("values become the same packets", async () => {
  const types = new Set<string>();
  for (const seed of seeds) {
    for (const make of [someValue, somePlainValue]) {
      const ours = await encodePacket(make(randomFrom(seed)));
      const theirs = await stringifyIO(make(randomFrom(seed)));
      expect(ours.type, `seed ${seed}`).toBe(theirs.dataType);
      expect(ours.data, `seed ${seed}`).toEqual(theirs.data);
      types.add(ours.type);
    }
  }
  expect([...types].sort()).toEqual(["application/json", "application/super+json", "text/plain"]);
});

test("packets become the same values, each way", async () => {
  let withTypes = 0;
  for (const seed of seeds) {
    const packet = await stringifyIO(someValue(randomFrom(seed)));
    const data = (packet.data ?? "") as string;
    const ours = await outcome(() => decodePacket({ data, type: packet.dataType }));
    const theirs = await outcome(() => parsePacket(packet));
    if (!areSame(ours, theirs)) expect.fail(`seed ${seed}: ${data}`);
    if (data.includes('"meta"')) withTypes += 1;
  }
  expect(withTypes).toBeGreaterThan(SEEDS / 3);
});

/** Packets that nobody's encoder makes: each has something cut out of it, doubled, or put in. */
function damaged(seed: number, data: string): string {
  const random = randomFrom(seed ^ 0x5eed);
  const at = random.below(data.length + 1);
  const piece = random.pick(["", '"', "}", "__proto__", "\\\\.", ".", "Date", "map", "[]", "null", "constructor"]);
  return data.slice(0, at) + piece + data.slice(at + random.below(4));
}

test("damaged packets are unreadable for both, or become the same values", async () => {
  const found = { unreadable: 0, readable: 0 };
  for (const seed of seeds) {
    const data = damaged(seed, String((await stringifyIO(someValue(randomFrom(seed)))).data ?? ""));
    const type = "application/super+json";
    const ours = await outcome(() => decodePacket({ data, type }));
    const theirs = await outcome(() => parsePacket({ data, dataType: type }));
    if (!areSame(ours, theirs)) expect.fail(`seed ${seed}: ${data}`);
    found[ours === "unreadable" ? "unreadable" : "readable"] += 1;
  }
  expect(found.unreadable).toBeGreaterThan(100);
  expect(found.readable).toBeGreaterThan(100);
  expect("polluted" in {}).toBe(false);
});
