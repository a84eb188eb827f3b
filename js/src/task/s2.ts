import { type SendOutcome, TidegateError } from "../client/errors.js";
import { part } from "../server/ask.js";
import { attempt, headersOf, isMiss, type Miss } from "../server/attempt.js";
import { Patience } from "../server/patience.js";
import { ENDURANCE, type Line, type Sink, type WrittenStream } from "./sink.js";

const DEFAULT_INTERVAL_MS = 100;
const DEFAULT_RETRIES = 10;
/** Others that write to the same log may come first so many times in a row. */
const RACES = 100;

/** What names a log, and who may append to it. */
interface Log {
  readonly url: string;
  readonly token: string;
  readonly basin: string;
}

/**
 * The log itself, at S2. Every append says where it has to come to stand (`match_seq_num`), so that of an append and its repeat
 * one at most is taken, however late either of them arrives. Where the log has grown meanwhile, what has been added tells whose
 * it is: each record has an id of its own. Appending is all that the token allows, so the log is looked at through the API.
 */
export class S2Sink implements Sink {
  readonly intervalMs: number;
  readonly #stream: WrittenStream;
  readonly #log: Log;
  readonly #retries: number;
  /** Where the log is thought to end. */
  #tail = 0;
  /** What is being written may stand there. */
  #doubtful = false;

  constructor(stream: WrittenStream, log: Log, intervalMs: number, retries: number) {
    this.#stream = stream;
    this.#log = log;
    this.intervalMs = intervalMs;
    this.#retries = retries;
  }

  /** The log that these headers name; none, where they name none. */
  static from(stream: WrittenStream, headers: Headers): S2Sink | undefined {
    const [token, basin] = [headers.get("x-s2-access-token"), headers.get("x-s2-basin")];
    if (!token || !basin) return undefined;
    const endpoint = addressOf(headers.get("x-s2-endpoint") || "{basin}.b.s2.dev", basin);
    const name = headers.get("x-s2-stream-name") || `/runs/${stream.runId}/${stream.key}`;
    const url = `${endpoint}/streams/${part(name)}/records`;
    const interval = numberIn(headers, "x-s2-flush-interval-ms", DEFAULT_INTERVAL_MS);
    return new S2Sink(stream, { url, token, basin }, interval, numberIn(headers, "x-s2-max-retries", DEFAULT_RETRIES));
  }

  async write(lines: readonly Line[], signal: AbortSignal): Promise<number> {
    const records = lines.map(({ json, id }) => ({ body: `{"data":${json},"id":"${id}"}` }));
    const headers = {
      authorization: `Bearer ${this.#log.token}`,
      "content-type": "application/json",
      "s2-format": "raw",
      "s2-basin": this.#log.basin,
    };
    const patience = new Patience(this.#stream.identity, { ...ENDURANCE, attempts: this.#retries + 1, signal });
    let races = 0;
    for (;;) {
      const body = JSON.stringify({ records, match_seq_num: this.#tail });
      const answer = await attempt({ url: this.#log.url, method: "POST", headers, body, signal });
      if (!isMiss(answer)) {
        const end = endIn(answer.text);
        if (end === undefined) throw noSense(answer.text.length);
        this.#settle(end);
        return end - 1;
      }
      const tail = answer.status === 412 ? tailIn(answer.text ?? "") : undefined;
      if (tail === undefined) {
        this.#doubtful ||= answer.doubtful;
        // Where others came first, and where to has been cut off, the next answer tells.
        const told = { ...this.#told(answer), again: answer.again || answer.status === 412 };
        await patience.next(told, this.#doubtful ? "unknown" : "rejected");
        continue;
      }
      const found = this.#doubtful ? await this.#find(lines, tail, patience, signal) : undefined;
      this.#settle(tail);
      if (found !== undefined) return found;
      // None of ours is there, and what was on its way cannot be taken any more: the log has grown past its place.
      races += 1;
      if (races > RACES) await patience.next({ ...answer, again: true }, "rejected");
    }
  }

  follow(other: Sink): boolean {
    if (!(other instanceof S2Sink) || other.#log.url !== this.#log.url || other.#log.basin !== this.#log.basin)
      return false;
    this.#tail = other.#tail;
    this.#doubtful = other.#doubtful;
    return true;
  }

  #settle(tail: number): void {
    this.#tail = tail;
    this.#doubtful = false;
  }

  /** In words about S2: what is known of the API is of no help here. */
  #told(miss: Miss): Miss {
    const toError = (outcome: SendOutcome) => {
      const { origin } = new URL(this.#log.url);
      const said = saidIn(miss.text ?? "").replaceAll(this.#log.token, "(a token)");
      const words = [
        miss.status
          ? `S2 at ${origin} does not take what is written to this stream: ${[miss.status, said].filter(Boolean).join(" ")}.`
          : `S2 does not answer at ${origin}, where the server has this stream written. Check that it can be reached from here.`,
        outcome === "unknown" && "It may or may not have been written, so check before you write it again.",
      ];
      const problem = { ...miss.problem, serverMessage: said || undefined };
      return new TidegateError(words.filter(Boolean).join(" "), { ...problem, outcome, cause: miss.cause });
    };
    return { ...miss, toError };
  }

  /** The place of the last of these lines, if they are in the log between where it was thought to end and where it ends. */
  async #find(lines: readonly Line[], tail: number, patience: Patience, signal: AbortSignal) {
    const { identity, runId, key } = this.#stream;
    const url = `${identity.endpoint.baseURL}/realtime/v1/streams/${part(runId)}/${part(key)}`;
    const first = `"id":"${lines[0]?.id}"}`;
    for (let from = this.#tail; from < tail; ) {
      const headers = {
        ...headersOf(identity),
        accept: "text/event-stream",
        "timeout-seconds": "1",
        ...(from > 0 && { "last-event-id": String(from - 1) }),
      };
      const answer = await attempt({ url, method: "GET", headers, signal });
      if (isMiss(answer)) {
        await patience.next(answer, "unknown");
        continue;
      }
      const before = from;
      for (const { seq_num: seq, body } of recordsIn(answer.text)) {
        if (body.endsWith(first)) return seq + lines.length - 1;
        from = Math.max(from, seq + 1);
      }
      if (from === before) {
        const problem = { code: "protocol", retryable: true, subject: "run" } as const;
        await patience.next({ problem, afterMs: 0, again: true, doubtful: true }, "unknown");
      }
    }
    return undefined;
  }
}

/** Of an endpoint as S2's own clients take it: the scheme, the version and the name of the basin may be left to them. */
function addressOf(endpoint: string, basin: string): string {
  const named = endpoint.trim().replaceAll("{basin}", basin).replace(/\/+$/, "");
  const address = /^[a-z][a-z\d+.-]*:\/\//i.test(named) ? named : `https://${named}`;
  return /:\/\/[^/]+\//.test(address) ? address : `${address}/v1`;
}

/** What an answer of S2 says of itself. */
function saidIn(text: string): string {
  try {
    const { code, message } = Object(JSON.parse(text));
    return [code, message].filter((word) => typeof word === "string").join(": ");
  } catch {
    return "";
  }
}

function numberIn(headers: Headers, name: string, otherwise: number): number {
  const number = Number.parseInt(headers.get(name) ?? "", 10);
  return number >= 0 ? number : otherwise;
}

function endIn(text: string): number | undefined {
  return seqIn(text, ({ end }) => Object(end).seq_num);
}

function tailIn(text: string): number | undefined {
  return seqIn(text, ({ seq_num_mismatch }) => seq_num_mismatch);
}

function seqIn(text: string, pick: (answer: { end?: unknown; seq_num_mismatch?: unknown }) => unknown) {
  try {
    const number = pick(Object(JSON.parse(text)));
    return Number.isSafeInteger(number) ? (number as number) : undefined;
  } catch {
    return undefined;
  }
}

function noSense(size: number): TidegateError {
  const words = `S2 took the records and said ${size} bytes that make no sense here. Check the server's S2 endpoint.`;
  return new TidegateError(words, { code: "protocol", retryable: false, outcome: "unknown" });
}

/** The records in a body of events. */
function recordsIn(text: string): { seq_num: number; body: string }[] {
  const found = [];
  for (const line of text.split(/\r?\n/)) {
    if (!line.startsWith("data: {")) continue;
    try {
      const { records } = Object(JSON.parse(line.slice(6)));
      if (Array.isArray(records)) found.push(...records);
    } catch {}
  }
  return found.filter(({ seq_num, body }) => Number.isSafeInteger(seq_num) && typeof body === "string");
}
