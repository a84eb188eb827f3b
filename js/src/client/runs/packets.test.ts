import { describe, expect, test } from "vitest";
import { TidegateError } from "../errors.js";
import { decodePacket, encodePacket } from "./packets.js";

const superJson = (data: object) => ({ data: JSON.stringify(data), type: "application/super+json" });

describe("decoding", () => {
  test.each(["application/json", "text/plain", "application/super+json", "x"])(
    "no data of the type %s are undefined",
    (type) => {
      expect(decodePacket({ data: "", type })).toBeUndefined();
    },
  );

  test.each([
    [{ data: '{"a":[1]}', type: "application/json" }, { a: [1] }],
    [{ data: '{"a":[1]}', type: "application/json; charset=utf-8" }, { a: [1] }],
    [{ data: '{"a":[1]}', type: "text/plain" }, '{"a":[1]}'],
    [{ data: "as it is", type: "from/the-future" }, "as it is"],
    [superJson({ json: { a: 1 } }), { a: 1 }],
    [superJson({ json: null }), null],
  ])("%j at once", (packet, value) => {
    expect(decodePacket(packet)).toStrictEqual(value);
  });

  test("what JSON does not say, when the library is there, and at once from then on", async () => {
    const packet = superJson({
      json: { at: "2026-01-01T00:00:00.000Z", "p.q": { c: "1" } },
      meta: { values: { at: ["Date"], "p\\.q.c": ["bigint"] } },
    });
    const value = { at: new Date("2026-01-01T00:00:00.000Z"), "p.q": { c: 1n } };
    expect(await decodePacket(packet)).toStrictEqual(value);
    expect(decodePacket(packet)).toStrictEqual(value);
  });

  test("bytes that a task has sent", async () => {
    const packet = superJson({ json: [1, 2], meta: { values: [["custom", "buffer"]] } });
    expect(await decodePacket(packet)).toEqual(Buffer.from([1, 2]));
  });

  test.each([
    [{ data: "{", type: "application/json" }],
    [superJson({ json: { a: "x" }, meta: { values: { a: ["from the future"] } } })],
    [superJson({ json: {}, meta: { values: { "__proto__.polluted": ["Date"] } } })],
    [superJson({ json: {}, meta: { values: { "constructor.prototype.polluted": ["Date"] } } })],
    [{ data: "null", type: "application/super+json" }],
  ])("%j cannot be read", async (packet) => {
    await expect((async () => decodePacket(packet))()).rejects.toThrow();
    expect("polluted" in {}).toBe(false);
  });
});

describe("encoding", () => {
  test.each([
    [undefined, { type: "application/json" }],
    ["text", { data: "text", type: "text/plain" }],
    ["", { data: "", type: "text/plain" }],
    [null, { data: '{"json":null}', type: "application/super+json" }],
    [
      { n: 1, list: [true, "x", null], deep: { er: {} } },
      { data: '{"json":{"n":1,"list":[true,"x",null],"deep":{"er":{}}}}', type: "application/super+json" },
    ],
    [[-0, 0], { data: '{"json":["-0",0],"meta":{"values":{"0":["number"]}}}', type: "application/super+json" }],
    [
      { a: undefined },
      { data: '{"json":{"a":null},"meta":{"values":{"a":["undefined"]}}}', type: "application/super+json" },
    ],
    [
      new Date(0),
      { data: '{"json":"1970-01-01T00:00:00.000Z","meta":{"values":["Date"]}}', type: "application/super+json" },
    ],
    [{ constructor: 1 }, { data: { constructor: 1 }, type: "application/json" }],
  ])("%j", async (value, packet) => {
    expect(await encodePacket(value)).toEqual(packet);
  });

  test("the same object twice is one object after the way", async () => {
    const one = { x: 1 };
    const { data, type } = await encodePacket({ a: one, b: one });
    const value = (await decodePacket({ data: data as string, type })) as { a: object; b: object };
    expect(value).toEqual({ a: one, b: one });
    expect(value.b).toBe(value.a);
  });

  test("what nothing can say", async () => {
    const error = await encodePacket({ constructor: 1n }).catch((error) => error);
    expect(error).toBeInstanceOf(TidegateError);
    expect(error).toMatchObject({ code: "invalid-data", outcome: "rejected" });
  });
});
