import { isDeepStrictEqual } from "node:util";
import { isChangeMessage, ShapeStream } from "@electric-sql/client";
import { expect, test } from "vitest";
import { Rows } from "../../../js/src/client/runs/rows.js";
import { serveLog } from "./electric.js";
import { type Random, randomFrom } from "./random.js";

const ROWS = 3_000;

const SCHEMA = {
  bool: { type: "bool" },
  int2: { type: "int2" },
  int4: { type: "int4" },
  int8: { type: "int8" },
  float4: { type: "float4" },
  float8: { type: "float8" },
  json: { type: "json" },
  jsonb: { type: "jsonb" },
  text: { type: "text" },
  timestamp: { type: "timestamp" },
  words: { type: "text", dims: 1 },
  numbers: { type: "int4", dims: 1 },
  table: { type: "text", dims: 2 },
  flags: { type: "bool", dims: 1 },
};

/** As Postgres writes an element: in quotes where it has to be, and at times elsewhere too. */
function element(random: Random, word: string): string {
  const mustQuote = word === "" || /^null$/i.test(word) || /[\s"\\{},]/.test(word);
  return mustQuote || random.oneIn(2) ? `"${word.replace(/["\\]/g, "\\$&")}"` : word;
}

function array(random: Random, make: () => string): string {
  return `{${random.list(5, () => (random.oneIn(6) ? "NULL" : make())).join()}}`;
}

function table(random: Random): string {
  const width = 1 + random.below(3);
  const row = () => `{${Array.from({ length: width }, () => element(random, random.text())).join()}}`;
  const rows = random.list(4, row);
  return rows.length > 0 ? `{${rows.join()}}` : "{}";
}

function row(random: Random): Record<string, string | null> {
  const whole = () => String(random.below(2 ** 31) - 2 ** 30);
  const real = () => random.pick([whole(), "0", "0.1", "-1.5e-7", "NaN", "Infinity", "-Infinity", "1e21"]);
  const json = () =>
    JSON.stringify(random.pick([null, random.text(), [random.text()], { [random.text()]: random.below(9) }]));
  const values: Record<keyof typeof SCHEMA, () => string> = {
    bool: () => random.pick(["t", "f", "true", "false"]),
    int2: whole,
    int4: whole,
    int8: () => random.pick([whole(), "9223372036854775807", "-9223372036854775808"]),
    float4: real,
    float8: real,
    json,
    jsonb: json,
    text: () => random.text(),
    timestamp: () => "2026-11-21T22:54:10.206",
    words: () => array(random, () => element(random, random.text())),
    numbers: () => array(random, whole),
    table: () => table(random),
    flags: () => array(random, () => random.pick(["t", "f"])),
  };
  const columns = Object.entries(values).map(([name, make]) => [name, random.oneIn(8) ? null : make()]);
  return { ...Object.fromEntries(columns), unknown: random.text() };
}

test(`${ROWS} rows are decoded as the official reader decodes them`, async () => {
  const random = randomFrom(1);
  const messages = Array.from({ length: ROWS }, (_, index) => ({
    key: `row ${index}`,
    value: row(random),
    headers: { operation: "insert" },
  }));
  const theirs = new Map<string, unknown>();
  const controller = new AbortController();
  await new Promise<void>((resolve) => {
    const { origin, fetch } = serveLog([{ messages }], SCHEMA);
    const stream = new ShapeStream({
      url: `${origin}/shape`,
      fetchClient: fetch,
      signal: controller.signal,
    });
    stream.subscribe((told) => {
      for (const message of told) if (isChangeMessage(message)) theirs.set(message.key, message.value);
      if (stream.isUpToDate || theirs.size === ROWS) resolve();
    });
  });
  controller.abort();
  const rows = new Rows((column, key) => expect.fail(`${column} of ${key}`));
  rows.take(JSON.stringify(messages), JSON.stringify(SCHEMA), true, true);
  expect(theirs.size).toBe(ROWS);
  for (const { key, value } of messages) {
    const ours = rows.shown.get(key)?.columns;
    if (!isDeepStrictEqual({ ...ours }, theirs.get(key))) expect(ours, JSON.stringify(value)).toEqual(theirs.get(key));
  }
});
