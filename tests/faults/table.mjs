// The table as text: a row a fault, a mark a cell.

const columns = ["node", "chromium"].flatMap((host) =>
  ["string", "provider"].flatMap((token) => ["silent", "announcing"].map((server) => ({ host, token, server }))),
);

export function printTable(cells) {
  const rows = [...new Set(cells.map(({ row }) => row))];
  const width = Math.max(...rows.map(({ name }) => name.length));
  const line = (name, marks, rest) => console.log(`${name.padEnd(width)}  ${marks}  ${rest}`.trimEnd());
  console.log("");
  line("", "node            chromium", "");
  line("", "string  prov.   string  prov.", "");
  line("", "s   a   s   a   s   a   s   a", "ends as, posts/records");
  for (const row of rows) {
    const marks = columns.map((column) => mark(cells.find((cell) => cell.row === row && isIn(cell, column))));
    line(row.name, marks.join("   "), describe(row.expect));
  }
  console.log(
    "\n✓ as expected   ✗ not   ~ still to come   · does not apply     s silent: repeats count   a announcing: repeats are dropped\n",
  );
}

const isIn = (cell, { host, token, server }) =>
  cell.host.name === host && cell.token === token && cell.server === server;

function mark(cell) {
  if (!cell) return "·";
  if (cell.awaited) return "~";
  return cell.problem ? "✗" : "✓";
}

function describe(expect) {
  if (typeof expect === "string") return expect;
  return Object.entries(expect)
    .map(([when, then]) => `${when}: ${describe(then)}`)
    .join("; ");
}
