import { answerJson, type Request, startServer } from "./tiny-server.js";

/**
 * What happens to a write instead of what should: its answer is lost, it does not arrive, or not before the next one, others write
 * first, or it is refused. The third and the fourth are for S2.
 */
export type Mishap = "lose the answer" | "lose the request" | "delay the request" | "come second" | number;

interface Stored {
  readonly data: unknown;
  readonly id: string;
}

/**
 * A server that keeps output streams: by itself, or, where `s2` says so, in an S2 that stands beside it. `mishaps` are for the next
 * writes, one each.
 */
export async function startLogServer({ s2 = false, endpoint = (address: string) => `${address}/s2/v1` } = {}) {
  const logs = new Map<string, Stored[]>();
  const lines = new Map<string, number>();
  const mishaps: (Mishap | undefined)[] = [];
  /** For the next reads: whether the answer is lost. */
  const lostReads: boolean[] = [];
  const delayed: (() => unknown)[] = [];
  /** Called before each write to S2. */
  const hooks: { beforeWrite?: (() => void) | undefined; beforeAnswer?: (() => Promise<void>) | undefined } = {};
  /** How many answers to HEAD come without what was asked for, as behind a proxy that drops headers that it does not know. */
  const silences = { left: 0 };
  const log = (name: string) => {
    if (!logs.has(name)) logs.set(name, []);
    return logs.get(name) as Stored[];
  };
  let tokens = 0;
  let valid = "s2-token-1";

  const ingest = ({ headers, body }: Request, name: string) => {
    const client = `${name} ${headers["x-client-id"]}`;
    let index = Number(headers["x-resume-from-chunk"]);
    for (const line of body.split("\n").filter(Boolean)) {
      if (index > (lines.get(client) ?? -1)) {
        lines.set(client, index);
        log(name).push({ data: JSON.parse(line), id: `line${index}` });
      }
      index += 1;
    }
  };

  const server = await startServer(async (request, response) => {
    const { method, path, headers, body } = request;
    const write = (store: (isHeard?: boolean) => boolean) => {
      for (const arrive of delayed.splice(0)) arrive();
      const mishap = mishaps.shift();
      if (typeof mishap === "number") {
        response.writeHead(mishap, { "content-type": "application/json" }).end('{"error":"No"}');
        return false;
      }
      if (mishap === "lose the request" || mishap === "delay the request") {
        if (mishap === "delay the request") delayed.push(() => store(false));
        response.destroy();
        return false;
      }
      if (!store()) return false;
      if (mishap === "lose the answer") {
        response.destroy();
        return false;
      }
      return true;
    };
    const [, s2Name] = /^\/s2\/v1\/streams\/([^/]+)\/records$/.exec(path) ?? [];
    if (s2Name) {
      hooks.beforeWrite?.();
      await hooks.beforeAnswer?.();
      if (headers.authorization !== `Bearer ${valid}`) {
        answerJson(response, 403, { code: "permission_denied", message: "token has expired" });
        return;
      }
      const { records, match_seq_num: match } = JSON.parse(body);
      const stored = log(decodeURIComponent(s2Name));
      if (mishaps[0] === "come second") stored.push({ data: "theirs", id: `t${stored.length}` });
      let start = 0;
      const took = write((isHeard = true) => {
        start = stored.length;
        if (match !== undefined && match !== stored.length) {
          if (isHeard) answerJson(response, 412, { seq_num_mismatch: stored.length });
          return false;
        }
        stored.push(...records.map((record: { body: string }) => JSON.parse(record.body)));
        return true;
      });
      const at = (seq: number) => ({ seq_num: seq, timestamp: 1 });
      if (took) {
        answerJson(response, 200, { start: at(start), end: at(stored.length), tail: at(stored.length) });
      }
      return;
    }
    const [, run, key] = /^\/realtime\/v1\/streams\/([^/]+)\/(?:self\/)?([^/]+)$/.exec(path) ?? [];
    const name = `/runs/${run}/${key}`;
    switch (method) {
      case "PUT": {
        tokens += 1;
        valid = `s2-token-${tokens}`;
        const names = {
          "x-s2-access-token": valid,
          "x-s2-basin": "basin",
          "x-s2-stream-name": name,
          "x-s2-endpoint": endpoint(server.baseURL),
          "x-s2-flush-interval-ms": "5",
          "x-s2-max-retries": "10",
        };
        response.writeHead(202, { "content-type": "application/json", ...(s2 && names) }).end('{"version":"v2"}');
        return;
      }
      case "POST":
        if (
          write(() => {
            ingest(request, name);
            return true;
          })
        ) {
          await hooks.beforeAnswer?.();
          response.writeHead(200).end();
        }
        return;
      case "HEAD":
        if (silences.left-- > 0) response.writeHead(200);
        else
          response.writeHead(200, {
            "x-last-chunk-index": String(lines.get(`${name} ${headers["x-client-id"]}`) ?? -1),
          });
        response.end();
        return;
      default: {
        if (lostReads.shift()) {
          response.destroy();
          return;
        }
        const from = Number(headers["last-event-id"] ?? -1) + 1;
        const records = log(name)
          .slice(from)
          .map((record, index) => ({ seq_num: from + index, timestamp: 1, body: JSON.stringify(record) }));
        response.writeHead(200, { "content-type": "text/event-stream", "x-stream-version": "v2" });
        response.end(`event: batch\ndata: ${JSON.stringify({ records })}\n\n`);
      }
    }
  });
  const revoke = () => {
    valid = "none";
  };
  const dataOf = (key: string, run = "run_1") => log(`/runs/${run}/${key}`).map(({ data }) => data);
  return { ...server, log, dataOf, mishaps, lostReads, hooks, silences, revoke };
}
