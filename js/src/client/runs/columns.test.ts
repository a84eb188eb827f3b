import { expect, test } from "vitest";
import { decodeColumn } from "./columns.js";

test.each([
  ["t", "bool", true],
  ["true", "bool", true],
  ["f", "bool", false],
  ["7", "int2", 7],
  ["-7", "int4", -7],
  ["9007199254740993", "int8", 9007199254740993n],
  ["0.0025", "float8", 0.0025],
  ["1e-7", "float4", 1e-7],
  ['{"a":[1]}', "jsonb", { a: [1] }],
  ["null", "json", null],
  ["2026-11-21T22:54:10.206", "timestamp", "2026-11-21T22:54:10.206"],
  ["7", "a type that is not known", "7"],
])("%s as %s", (text, type, value) => {
  expect(decodeColumn(text, { type })).toStrictEqual(value);
});

test("null is null, and what no schema names is text", () => {
  expect(decodeColumn(null, { type: "bool" })).toBe(null);
  expect(decodeColumn("t")).toBe("t");
  expect(decodeColumn("t", {})).toBe("t");
});

test.each([
  ["{}", []],
  ['{"live1","x,y","quo\\"te"}', ["live1", "x,y", 'quo"te']],
  ["{a,NULL,b c}", ["a", null, "b c"]],
  ['{"NULL","","{}","back\\\\slash"}', ["NULL", "", "{}", "back\\slash"]],
  [
    '{{a,"b"},{NULL,d}}',
    [
      ["a", "b"],
      [null, "d"],
    ],
  ],
  ["{{},{a}}", [[], ["a"]]],
  ["[0:1]={a,b}", ["a", "b"]],
  ['{"two\nlines"}', ["two\nlines"]],
])("the array %s", (text, value) => {
  expect(decodeColumn(text, { type: "text", dims: 1 })).toStrictEqual(value);
});

test("the elements of an array are of its type", () => {
  expect(decodeColumn("{1,NULL,3}", { type: "int4", dims: 1 })).toStrictEqual([1, null, 3]);
  expect(decodeColumn('{"{\\"a\\":1}"}', { type: "jsonb", dims: 1 })).toStrictEqual([{ a: 1 }]);
});

test.each(["", "a", "{", "{a", '{"a}', "{a,}", "{,a}", "{a}b", "{a}}", '{"a"b}', "{{a}", "{a{b}}"])(
  "%s is no array",
  (text) => {
    expect(() => decodeColumn(text, { type: "text", dims: 1 })).toThrow(SyntaxError);
  },
);

test.each([
  ["{", "jsonb"],
  ["1.5", "int8"],
])("%s is no %s", (text, type) => {
  expect(() => decodeColumn(text, { type })).toThrow(SyntaxError);
});
