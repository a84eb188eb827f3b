// The tables as text: a block a load, a row a subject. Numbers are medians, ratios medians of rounds with their ends.
import { ratio, summary } from "./compare.mjs";

export function printLoad({ section, load, measured }) {
  const subjects = Object.keys(measured);
  const [cost] = section.costs;
  const header = [load.name, ...section.columns.map(([heading]) => heading), "x floor", "x official"];
  const rows = subjects.map((subject) => [
    `  ${subject}`,
    ...section.columns.map(([, value]) => {
      const read = typeof value === "function" ? (one) => value(one, load) : (one) => one[value];
      return number(summary(measured[subject].map(read)).median);
    }),
    ...["floor", "official"].map((base) => times(ratio(measured, subject, base, cost), subject === base)),
  ]);
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((cells) => cells[column].length)));
  const line = (cells) =>
    cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join("  ");
  console.log(`\n${line(header)}`);
  for (const row of rows) console.log(line(row));
}

export function number(value) {
  if (value === undefined || Number.isNaN(value)) return "-";
  const rounded =
    Math.abs(value) < 1 ? value.toFixed(2) : Math.abs(value) < 100 ? value.toPrecision(3) : value.toFixed(0);
  return Number(rounded).toLocaleString("en");
}

function times({ median, least, most }, isItself) {
  return isItself ? "1" : `${number(median)} (${number(least)}..${number(most)})`;
}
