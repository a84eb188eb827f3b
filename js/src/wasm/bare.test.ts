import { afterEach, expect, it, vi } from "vitest";
import { fillIn, fillRandom, newTextDecoder, newTextEncoder } from "./bare.js";

afterEach(() => {
  vi.unstubAllGlobals();
});

const texts = [
  "",
  "plain",
  "grün ✓ 漢字 \u{1f600} \u{10ffff} \u07ff\u0800\uffff\u0000",
  "\ufeffkept",
  `${"ab😀é".repeat(3_000)}!`,
];

it.each(texts)("reads and writes text where the engine cannot: %#", async (text) => {
  const expected = new TextEncoder().encode(text);
  for (const name of ["TextDecoder", "TextEncoder"]) vi.stubGlobal(name, undefined);
  const decoder = newTextDecoder();
  expect(decoder.decode()).toBe("");
  await fillIn();
  const bytes = new Uint8Array(text.length * 3);
  const { written } = newTextEncoder().encodeInto(text, bytes);
  expect(bytes.subarray(0, written)).toEqual(expected);
  expect(decoder.decode(expected)).toBe(text);
});

it("writes what is no character as the engine does", async () => {
  const torn = "a\ud83db\ude00";
  const expected = new TextEncoder().encode(torn);
  vi.stubGlobal("TextEncoder", undefined);
  await fillIn();
  const bytes = new Uint8Array(torn.length * 3);
  expect(bytes.subarray(0, newTextEncoder().encodeInto(torn, bytes).written)).toEqual(expected);
});

it("takes the engine's own where there is one", () => {
  expect(newTextDecoder()).toBeInstanceOf(TextDecoder);
  expect(newTextEncoder()).toBeInstanceOf(TextEncoder);
});

it.each([
  ["of the host", crypto],
  ["without one", undefined],
])("fills with what differs each time: %s", (_, source) => {
  vi.stubGlobal("crypto", source);
  const drawn = Array.from({ length: 100 }, () => {
    const bytes = new Uint8Array(16);
    fillRandom(bytes);
    return bytes.join();
  });
  expect(new Set(drawn).size).toBe(100);
  expect(new Set(drawn.flatMap((bytes) => bytes.split(","))).size).toBeGreaterThan(200);
});
