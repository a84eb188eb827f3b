import { expect, test } from "vitest";
import { Rows } from "./rows.js";

const SCHEMA = JSON.stringify({
  id: { type: "text" },
  n: { type: "int4" },
  tags: { type: "text", dims: 1 },
  extra: { type: "jsonb" },
});
const insert = (key: string, value: object) => ({ key, value, headers: { operation: "insert" } });
const update = (key: string, value: object) => ({ key, value, headers: { operation: "update" } });
const remove = (key: string) => ({ key, value: {}, headers: { operation: "delete" } });

function harness() {
  const unreadable: string[] = [];
  const rows = new Rows((column, key) => unreadable.push(`${key}.${column}`));
  const take = (messages: unknown[], complete = true) =>
    rows.take(JSON.stringify(messages), undefined, false, complete);
  const start = (messages: unknown[], complete = true) => rows.take(JSON.stringify(messages), SCHEMA, true, complete);
  const shown = () => Object.fromEntries([...rows.shown].map(([key, { columns }]) => [key, columns]));
  return { rows, take, start, shown, unreadable };
}

test("rows have the types of the schema", () => {
  const { start, shown } = harness();
  const commit = start([insert("a", { id: "a", n: "1", tags: '{x,"y,z"}', extra: null, unknown: "kept" })]);
  expect(commit).toEqual({ changed: ["a"], removed: [] });
  expect(shown()).toEqual({ a: { id: "a", n: 1, tags: ["x", "y,z"], extra: null, unknown: "kept" } });
});

test("a schema that is none leaves the rows as text", () => {
  const { rows, shown, unreadable } = harness();
  const commit = rows.take(JSON.stringify([insert("a", { id: "a", n: "1" })]), "<html>", true, true);
  expect(commit?.changed).toEqual(["a"]);
  expect(shown()).toEqual({ a: { id: "a", n: "1" } });
  expect(unreadable).toEqual(["(any).the header electric-schema"]);
});

test("an update says what is other, or all of it", () => {
  const { start, take, shown } = harness();
  start([insert("a", { id: "a", n: "1" })]);
  expect(take([update("a", { n: "2" })])).toEqual({ changed: ["a"], removed: [] });
  expect(shown()).toEqual({ a: { id: "a", n: 2 } });
  take([update("b", { id: "b" })]);
  expect(shown()).toEqual({ a: { id: "a", n: 2 }, b: { id: "b" } });
});

test("nothing is shown before it is complete", () => {
  const { start, take, shown } = harness();
  expect(start([insert("a", { n: "1" })], false)).toBeUndefined();
  expect(shown()).toEqual({});
  expect(take([insert("b", { n: "1" })], false)).toBeUndefined();
  expect(take([update("a", { n: "2" })])).toEqual({ changed: ["a", "b"], removed: [] });
  expect(shown()).toEqual({ a: { n: 2 }, b: { n: 1 } });
});

test("what has changed comes once, in the order in which it was first named", () => {
  const { start, take } = harness();
  start([insert("a", { n: "1" }), insert("b", { n: "1" }), insert("c", { n: "1" })]);
  expect(take([update("c", { n: "2" }), update("a", { n: "2" }), update("c", { n: "3" })])?.changed).toEqual([
    "c",
    "a",
  ]);
});

test("a row that says the same, or the same again, has not changed", () => {
  const { rows, start, take } = harness();
  start([insert("a", { n: "1", extra: '{"x":1}' })]);
  const before = rows.shown.get("a");
  expect(take([update("a", { n: "1", extra: '{"x":1}' })])?.changed).toEqual([]);
  expect(take([update("a", { n: "2" }), update("a", { n: "1" })])?.changed).toEqual([]);
  expect(rows.shown.get("a")).toBe(before);
});

test("a column that has not changed keeps its object", () => {
  const { rows, start, take } = harness();
  start([insert("a", { n: "1", extra: '{"x":1}' })]);
  const { extra } = rows.shown.get("a")?.columns ?? {};
  take([update("a", { n: "2", extra: '{"x":1}' })]);
  expect(rows.shown.get("a")?.columns.extra).toBe(extra);
});

test("a deleted row is gone, and one that comes back is the last", () => {
  const { start, take, shown } = harness();
  start([insert("a", { n: "1" }), insert("b", { n: "1" })]);
  expect(take([remove("a"), remove("never there")])).toEqual({ changed: [], removed: ["a"] });
  expect(Object.keys(shown())).toEqual(["b"]);
  take([insert("a", { n: "1" })]);
  expect(Object.keys(shown())).toEqual(["b", "a"]);
});

test("one that was never shown is no loss", () => {
  const { start, take } = harness();
  start([]);
  expect(take([insert("a", { n: "1" }), remove("a")])).toEqual({ changed: [], removed: [] });
});

test("a fresh snapshot removes what it does not name, and keeps what is the same", () => {
  const { rows, start, shown } = harness();
  start([insert("a", { n: "1" }), insert("b", { n: "1" }), insert("c", { n: "1" })]);
  const kept = rows.shown.get("c");
  expect(start([insert("c", { n: "1" }), insert("b", { n: "2" })])).toEqual({ changed: ["b"], removed: ["a"] });
  expect(rows.shown.get("c")).toBe(kept);
  expect(shown()).toEqual({ b: { n: 2 }, c: { n: 1 } });
});

test("a snapshot that another one follows before it is complete has said nothing", () => {
  const { start, take, shown } = harness();
  start([insert("a", { n: "1" })]);
  take([update("a", { n: "2" }), insert("lost", { n: "1" })], false);
  start([insert("a", { n: "9" })], false);
  expect(start([insert("a", { n: "1" })])).toEqual({ changed: [], removed: [] });
  expect(shown()).toEqual({ a: { n: 1 } });
});

test("a column that cannot be read is undefined and told; the row is not lost", () => {
  const { start, shown, unreadable } = harness();
  start([insert("a", { id: "a", tags: "{odd", extra: "{" })]);
  expect(shown()).toEqual({ a: { id: "a", tags: undefined, extra: undefined } });
  expect(unreadable).toEqual(["a.tags", "a.extra"]);
});

test("messages that are none of these are passed over", () => {
  const { start, shown } = harness();
  start([
    null,
    7,
    {},
    { key: "a" },
    { key: "a", value: {}, headers: { operation: "else" } },
    { headers: { control: "up-to-date" } },
    insert("a", { n: "1" }),
  ]);
  expect(shown()).toEqual({ a: { n: 1 } });
});

test("a column of an unlucky name is a column", () => {
  const { rows } = harness();
  rows.take('[{"key":"a","value":{"__proto__":"x"},"headers":{"operation":"insert"}}]', SCHEMA, true, true);
  expect(Object.entries(rows.shown.get("a")?.columns ?? {})).toEqual([["__proto__", "x"]]);
});
