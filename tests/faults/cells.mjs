// A row of the table becomes cells, and a cell one send whose outcome is compared.
import { setTimeout as sleep } from "node:timers/promises";
import { inputPath } from "./backend.mjs";

const streamId = "chat";
/** Longer than the core's patience with an answer, which is a sixth of a minute here, and a repeat. */
const patienceMs = 30_000;

export function cellsOf(rows, hosts, backends) {
  const cells = [];
  for (const row of rows) {
    for (const host of hosts.filter(({ name }) => row.hosts?.includes(name) ?? true)) {
      for (const token of row.tokens ?? ["string", "provider"]) {
        for (const [server, backend] of Object.entries(backends)) {
          const cell = { id: cells.length, row, host, token, server, backend };
          cells.push({ ...cell, expected: pick(row.expect, { host: host.name, token, server }) });
        }
      }
    }
  }
  return cells;
}

function pick(expect, cell) {
  if (typeof expect === "string") return expect;
  return pick(expect[cell.host] ?? expect[cell.token] ?? expect[cell.server], cell);
}

/** Gives a cell its run and its job; returns its rules. */
export async function prepare(cell) {
  const { row, backend, host, token, server, id } = cell;
  cell.runId = row.run === "unknown" ? `run_nobody${id}` : await backend.startRun();
  if (row.run === "finished") await backend.finishRun(cell.runId);
  cell.job = {
    baseURL: host.baseURL(backend, id),
    runId: row.run === "missing" ? undefined : cell.runId,
    streamId,
    data: row.data ?? { fill: "~", times: 3 },
    tokenKind: token,
    tokens: tokensOf(row.token, backend, cell.runId),
    hangsOnce: row.token === "hangs once",
    hook: ["hook", "unmount", "offline"].includes(row.act),
    behind: row.act === "abort queued",
    // A client knows that a server drops repeats once it has seen any of its answers to a send.
    warm: row.used || (row.warm ?? (server === "announcing" && !row.token && !row.run)),
  };
  const path = inputPath(cell.runId, streamId);
  const rules = (row.rules ?? []).map((rule) => ({ match: { method: "POST", path }, ...rule }));
  if (!row.used) return rules;
  const kept = inputPath(cell.runId, "*");
  return [...rules, { match: { method: "OPTIONS", path: kept }, fault: { kind: "pass" } }];
}

function tokensOf(kind, backend, runId) {
  const good = backend.sign(runId);
  const hourAgo = Math.floor(Date.now() / 1000) - 3600;
  const expired = backend.sign(runId, { iat: hourAgo - 900, exp: hourAgo });
  const forged = backend.sign(runId, {}, "tr_dev_somebody_else");
  const unscoped = backend.sign(runId, { scopes: [`read:runs:${runId}`] });
  switch (kind) {
    case "expired":
      return [expired, good];
    case "always expired":
      return [expired];
    case "forged":
      return [forged, good];
    case "unscoped":
      return [unscoped];
    case "none":
      return [];
    case "may read":
      return [backend.sign(runId, { scopes: [`write:inputStreams:${runId}`, `read:runs:${runId}`] })];
    default:
      return [good];
  }
}

/** Makes the send; resolves to a sentence about what is wrong, or to undefined. */
export async function judge(cell) {
  const { awaits } = cell.row;
  const problem = await compare(cell).catch((error) => `the test broke down: ${error.stack}`);
  if (!awaits || problem?.startsWith("the test")) return problem;
  cell.awaited = problem !== undefined;
  return problem ? undefined : `it is there now: take awaits: "${awaits}" from the row`;
}

async function compare(cell) {
  const { row, backend, host, id, job, runId } = cell;
  const going = host.attempt(id, job);
  const late = sleep(patienceMs, { state: "never settled" }, { ref: false });
  const ended = Promise.race([going.catch((error) => ({ state: `thrown: ${error.message}` })), late]);
  if (row.act?.startsWith("abort") || row.act === "unmount") {
    while ((await backend.posts(runId, streamId)) === 0) await sleep(20);
    await host.control(id, row.act === "unmount" ? "unmount" : "abort");
  }
  const { state, code, ms } = await ended;
  const sinceBack = Date.now() - cell.backAt;
  const posts = await backend.posts(runId, streamId);
  const records = await backend.records(runId, streamId);
  const came = `${[state, code].filter(Boolean).join(" ")} ${posts}/${records.length}`;
  if (came !== cell.expected) return `expected ${cell.expected}, came ${came}`;
  if (row.act === "offline" && !(sinceBack < 1000)) return `settled ${sinceBack} ms after the network was back`;
  if (row.atLeastMs && ms < row.atLeastMs) return `settled after ${Math.round(ms)} ms, before ${row.atLeastMs}`;
  return undefined;
}
