// Replays streams and takes sends, in a process of its own so that its work is nobody's who is measured. `/prepare/RUN` makes a
// stream beforehand and answers with its bytes. Run ids say what comes:
//   those of workloads.mjs     the whole stream, as fast as it is taken
//   hook-COUNT-RATE            COUNT tokens, ten in an event, RATE a second (0: as fast as they are taken)
import { once } from "node:events";
import { createServer } from "node:http";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { bodyOf, eventsV2 } from "./wire.mjs";
import { token, workloads } from "./workloads.mjs";

const SLICE = 64 * 1024;
const TICK_MS = 10;
const BATCH = 10;
// As the real one answers: what a preflight asks for is allowed, for five minutes.
const cors = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET,POST",
  "access-control-expose-headers": "*",
  "access-control-max-age": "300",
};

const bodies = new Map();
function prepared(run) {
  if (!bodies.has(run)) bodies.set(run, bodyOf(workloads[run] ?? hookWorkload(run)));
  return bodies.get(run);
}

function hookWorkload(run) {
  const [count, rate] = run.split("-").slice(1).map(Number);
  return { version: "v2", count, rate, batch: BATCH, makePart: token };
}

async function answer(request, response) {
  const run = /^\/(?:prepare|realtime\/v1\/streams)\/([\w-]+)/.exec(request.url)?.[1];
  if (request.method === "OPTIONS") {
    const wanted = request.headers["access-control-request-headers"] ?? "";
    response.writeHead(204, { ...cors, "access-control-allow-headers": wanted }).end();
  } else if (request.url.startsWith("/prepare/")) {
    response.end(String(prepared(run).length));
  } else if (request.method === "POST") {
    for await (const _ of request);
    response.writeHead(200, { ...cors, "content-type": "application/json" }).end('{"ok":true}');
  } else {
    await stream(run, response);
  }
}

async function stream(run, response) {
  const workload = workloads[run] ?? hookWorkload(run);
  const version = workload.version === "v2" ? { "x-stream-version": "v2" } : {};
  response.writeHead(200, { ...cors, ...version, "content-type": "text/event-stream", "cache-control": "no-cache" });
  if (workload.rate) await pace(workload, response);
  else await pipeline(slices(prepared(run)), response);
  response.end();
}

function* slices(body) {
  for (let at = 0; at < body.length; at += SLICE) yield body.subarray(at, at + SLICE);
}

async function pace({ count, rate, makePart }, response) {
  const started = performance.now();
  for (let sent = 0; sent < count && !response.destroyed; await sleep(TICK_MS)) {
    const due = Math.floor(((performance.now() - started) * rate) / 1000 / BATCH) * BATCH;
    const end = Math.min(count, due);
    if (end > sent) response.write(eventsV2(makePart, sent, end, BATCH));
    sent = Math.max(sent, end);
  }
}

const server = createServer((request, response) => {
  answer(request, response).catch((error) => response.destroy(error));
});
server.keepAliveTimeout = 120_000;
server.on("connection", (socket) => socket.setNoDelay(true));
server.listen(0, "127.0.0.1");
await once(server, "listening");
console.log(`http://127.0.0.1:${server.address().port}/`);
