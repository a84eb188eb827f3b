import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { differences } from "../../tests/compat/differences.js";
import type { ErrorCode } from "./client/errors.js";
import * as hooks from "./react.js";

const root = join(import.meta.dirname, "../..");
const page = (name: string) => readFileSync(join(root, "docs", name), "utf8");
/** Text as it is read: a line break is a space. */
const flat = (text: string) => text.replace(/\s+/g, " ").trim();

it("the page on migration names every difference that is asserted, in the words of the list, and no other", () => {
  const table = page("migration.md").split("<!-- tests/compat/differences.ts")[1] ?? "";
  const rows = table.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| |"));
  const asserted = Object.entries(differences);
  expect(rows.length).toBeGreaterThan(20);
  expect(rows).toEqual(asserted.map(([name, { original, tidegate }]) => `| ${name} | ${original} | ${tidegate} |`));
});

it("the page on migration names every hook there is, and says of no other that it is there", () => {
  const [, table = "", missing = ""] =
    /## What is there\n(.*?)\nNot there: (.*?)\n\n/s.exec(page("migration.md")) ?? [];
  const named = (text: string) => new Set(text.match(/\buse[A-Z]\w+/g));
  expect(named(table)).toEqual(new Set(Object.keys(hooks).filter((name) => name.startsWith("use"))));
  expect(named(missing).size).toBeGreaterThan(0);
  for (const name of named(missing)) expect(hooks).not.toHaveProperty(name);
});

// As a record, so that a code that is added has to be added here.
const codes: Record<ErrorCode, true> = {
  "run-finished": true,
  "not-found": true,
  forbidden: true,
  unauthorized: true,
  "token-missing": true,
  "token-malformed": true,
  "token-expired": true,
  "invalid-data": true,
  "too-large": true,
  offline: true,
  blocked: true,
  "rate-limited": true,
  server: true,
  protocol: true,
  timeout: true,
  aborted: true,
  "invalid-options": true,
  "engine-unavailable": true,
  expired: true,
};

it("the page on troubleshooting explains every code, and calls nothing a code that is none", () => {
  const text = page("troubleshooting.md");
  for (const code of Object.keys(codes)) expect(text).toContain(`\`${code}\``);
  const called = [...flat(text).matchAll(/\bcodes? `([^`]+)`/gi)].map(([, code]) => code);
  expect(called.length).toBeGreaterThan(15);
  for (const code of called) expect(codes).toHaveProperty([code as string]);
});

it("the page on troubleshooting quotes what the package says", () => {
  const sources = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name) && !/\.test|testing\/|generated/.test(name))
    .map((name) => readFileSync(join(import.meta.dirname, name), "utf8"));
  const said = flat(sources.join("\n")).replaceAll('\\"', '"');
  const quotes = [...page("troubleshooting.md").matchAll(/(?:^> .*\n)+/gm)].map(([quote]) =>
    flat(quote.replace(/^> /gm, "")),
  );
  expect(quotes.length).toBeGreaterThan(25);
  // What changes is an ellipsis.
  const fragmentsOf = (quote: string) => quote.split("…").map((fragment) => fragment.trim());
  expect(quotes.filter((quote) => !fragmentsOf(quote).some((fragment) => fragment.length > 15))).toEqual([]);
  expect(quotes.filter((quote) => !fragmentsOf(quote).every((fragment) => said.includes(fragment)))).toEqual([]);
});
