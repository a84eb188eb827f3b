import type { Random } from "../random.js";

/** The two that are compared. */
export const sides = ["theirs", "ours"] as const;
export type SideName = (typeof sides)[number];

/** What a record is: one that was sent, one of the store's own, or one that tells readers something. */
export type Kind = "data" | "command" | "control" | "broken";

/** A record of a log. */
export interface Entry {
  readonly kind: Kind;
  /** A text of JSON, as a send stores it; none where nothing was sent; or what somebody wrote into the log. */
  readonly data: unknown;
  /** What those get who take it. */
  readonly value: unknown;
}

/** How a wait ended. */
export type Answer =
  | { readonly ok: true; readonly data: string | undefined; readonly seq: number | undefined }
  | { readonly ok: false; readonly message: string };

interface Wait {
  readonly side: SideName;
  readonly stream: string;
  readonly key: string | undefined;
  answer(answer: Answer): void;
}

const encoder = new TextEncoder();

/** A reader of a log. Its body is handed out as it is asked for. */
class Connection {
  next: number;
  isOpen = true;
  /** How much of the body has been asked for. */
  taken = 0;
  readonly response: Response;
  readonly #queue: Uint8Array[] = [];
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #isWanted = false;
  #isEnding = false;

  constructor(
    readonly side: SideName,
    readonly stream: string,
    readonly behind: string | undefined,
    signal: AbortSignal | null | undefined,
  ) {
    this.next = behind === undefined ? 0 : Number(behind) + 1;
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          this.#isWanted = true;
          this.#hand();
        },
        cancel: () => {
          this.isOpen = false;
        },
      },
      { highWaterMark: 0 },
    );
    signal?.addEventListener("abort", () => this.destroy(new DOMException("This was aborted", "AbortError")));
    const headers = { "content-type": "text/event-stream", "x-stream-version": "v2" };
    this.response = new Response(body, { headers });
  }

  write(...pieces: Uint8Array[]): void {
    this.#queue.push(...pieces);
    this.#hand();
  }

  end(): void {
    this.isOpen = false;
    this.#isEnding = true;
    this.#hand();
  }

  destroy(error: unknown): void {
    if (this.isOpen) this.#controller?.error(error);
    this.isOpen = false;
  }

  #hand(): void {
    if (!this.#isWanted || (!this.isOpen && !this.#isEnding)) return;
    const piece = this.#queue.shift();
    if (piece) {
      this.#isWanted = false;
      this.taken += piece.length;
      this.#controller?.enqueue(piece);
    } else if (this.#isEnding) {
      this.#isEnding = false;
      this.#controller?.close();
    }
  }
}

/** Logs of input streams, and waits for their records, for both sides at once: `http://theirs.test` and `http://ours.test`. */
export class InputServer {
  readonly #random: Random;
  readonly #logs = new Map<string, Entry[]>();
  readonly #connections: Connection[] = [];
  readonly #waits = new Map<string, Wait>();
  readonly #results = new Map<string, Promise<Answer>>();
  readonly #byKey = new Map<string, string>();
  /** What each wait was asked behind. */
  readonly asked: { readonly side: SideName; readonly stream: string; readonly behind: number | undefined }[] = [];
  /** How the next ones are refused who want to read, by side and stream. */
  readonly #refusals = new Map<string, number[]>();
  /** While it is set, waits are registered and their answers are held back. */
  #held: (() => void)[] | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  log(stream: string): Entry[] {
    if (!this.#logs.has(stream)) this.#logs.set(stream, []);
    return this.#logs.get(stream) as Entry[];
  }

  /** What those who take all of it get. */
  values(stream: string): unknown[] {
    return this.log(stream)
      .filter(({ kind }) => kind === "data")
      .map(({ value }) => value);
  }

  append(stream: string, ...entries: Entry[]): void {
    for (const entry of entries) {
      const log = this.log(stream);
      const seq = log.push(entry) - 1;
      if (entry.kind !== "data") continue;
      for (const [id, wait] of [...this.#waits]) {
        if (wait.stream === stream) this.#complete(id, answerWith(entry, seq));
      }
    }
    for (const connection of this.#connections) if (connection.stream === stream) this.#flush(connection);
  }

  connection(side: SideName, stream: string): Connection | undefined {
    return this.#connections.findLast((each) => each.isOpen && each.side === side && each.stream === stream);
  }

  /** Whoever comes next to read it gets these answers first. */
  refuse(stream: string, statuses: readonly number[]): void {
    for (const side of sides) this.#refusals.set(`${side} ${stream}`, [...statuses]);
  }

  /** How many have begun to read. */
  get openings(): number {
    return this.#connections.length;
  }

  /** Behind which record a side began to read a stream, the first time after so many openings. */
  behind(side: SideName, stream: string, openings: number): string | undefined {
    return this.#connections.slice(openings).find((each) => each.side === side && each.stream === stream)?.behind;
  }

  /** Ends what is read of a stream, as when its window is over, or breaks it off in the middle of a record. */
  cut(stream: string, how: "end" | "destroy"): void {
    for (const connection of this.#connections) {
      if (!connection.isOpen || connection.stream !== stream) continue;
      if (how === "end") {
        connection.end();
        continue;
      }
      connection.write(encoder.encode('event: batch\ndata: {"records":[{"seq_num":'));
      connection.destroy(new TypeError("terminated"));
    }
  }

  // Waits

  ask(side: SideName, stream: string, behind: number | undefined, key: string | undefined) {
    this.asked.push({ side, stream, behind });
    const known = key === undefined ? undefined : this.#byKey.get(`${side} ${key}`);
    if (known) return { id: known, isCached: true };
    const id = `waitpoint_${this.#results.size}`;
    if (key !== undefined) this.#byKey.set(`${side} ${key}`, id);
    const result = new Promise<Answer>((answer) => this.#waits.set(id, { side, stream, key, answer }));
    this.#results.set(id, result);
    const seq = this.log(stream).findIndex(({ kind }, at) => kind === "data" && at > (behind ?? -1));
    const entry = this.log(stream)[seq];
    if (entry) this.#complete(id, answerWith(entry, seq));
    return { id, isCached: false };
  }

  result(id: string): Promise<Answer> {
    return this.#results.get(id) ?? Promise.reject(new Error(`There is no ${id}`));
  }

  /** Ends every wait for a stream with something that is not in its log. */
  answer(stream: string, answer: Answer): void {
    for (const [id, wait] of [...this.#waits]) if (wait.stream === stream) this.#complete(id, answer);
  }

  isWaiting(side: SideName, stream: string): boolean {
    return [...this.#waits.values()].some((wait) => wait.side === side && wait.stream === stream);
  }

  holdAnswers(): void {
    this.#held = [];
  }

  releaseAnswers(): void {
    for (const go of this.#held ?? []) go();
    this.#held = undefined;
  }

  #complete(id: string, answer: Answer): void {
    this.#waits.get(id)?.answer(answer);
    this.#waits.delete(id);
  }

  // Requests

  readonly fetch = async (given: unknown, init: RequestInit = {}): Promise<Response> => {
    const { hostname, pathname } = new URL(String(given));
    const side: SideName = hostname === "ours.test" ? "ours" : "theirs";
    const [, stream] = /\/input\/([^/]+)$/.exec(pathname) ?? [];
    if (stream) return this.#open(side, stream, new Headers(init.headers), init.signal);
    if (pathname.endsWith("/input-streams/wait")) {
      const { streamId, lastSeqNum, idempotencyKey } = JSON.parse(String(init.body));
      const { id, isCached } = this.ask(side, streamId, lastSeqNum, idempotencyKey);
      if (this.#held) await new Promise<void>((go) => this.#held?.push(go));
      return Response.json({ waitpointId: id, isCached });
    }
    if (pathname.endsWith("/wait")) return Response.json({ success: true });
    return Response.json({ id: "run", status: "EXECUTING", isCompleted: false });
  };

  #open(side: SideName, stream: string, headers: Headers, signal: AbortSignal | null | undefined): Response {
    signal?.throwIfAborted();
    const refusal = this.#refusals.get(`${side} ${stream}`)?.shift();
    if (refusal) return Response.json({ error: "No" }, { status: refusal });
    const connection = new Connection(side, stream, headers.get("last-event-id") ?? undefined, signal);
    this.#connections.push(connection);
    if (this.#random.oneIn(2)) connection.write(encoder.encode(": hello\n\n"));
    this.#flush(connection);
    return connection.response;
  }

  #flush(connection: Connection): void {
    const log = this.log(connection.stream);
    while (connection.isOpen && connection.next < log.length) {
      const end = Math.min(log.length, connection.next + 1 + this.#random.below(4));
      const records = log.slice(connection.next, end).map((entry, index) => toRecord(entry, connection.next + index));
      connection.next = end;
      if (this.#random.oneIn(6)) connection.write(encoder.encode('event: ping\ndata: {"timestamp":1790000000000}\n\n'));
      const frame = encoder.encode(`event: batch\nid: 0,1,71\ndata: ${JSON.stringify({ records })}\n\n`);
      const at = this.#random.oneIn(2) ? this.#random.below(frame.length) : 0;
      connection.write(...[frame.subarray(0, at), frame.subarray(at)].filter(({ length }) => length > 0));
    }
  }
}

/** A wait is told a text of JSON, whatever somebody wrote. */
function answerWith({ value }: Entry, seq: number): Answer {
  return { ok: true, data: JSON.stringify(value), seq };
}

function toRecord({ kind, data }: Entry, seq: number) {
  const place = { seq_num: seq, timestamp: 1_790_000_000_000 };
  if (kind === "command") return { ...place, headers: [["", "fence"]], body: "token" };
  if (kind === "control") return { ...place, headers: [["trigger-control", "turn-complete"]], body: "" };
  if (kind === "broken") return { ...place, body: "{" };
  return { ...place, body: JSON.stringify({ data, id: `inp_${seq}` }) };
}
