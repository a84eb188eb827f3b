import { vi } from "vitest";
import type { Order, Start } from "../task/orders.js";

type Body = Record<string, unknown>;
/** A promise: the usual answer, when it resolves. */
type Answer = Response | Error | Promise<void>;

/** A server for one worker that does as a test says, in the place of `fetch`. */
export class ScriptedEngine {
  /** What was asked besides polls, in order. */
  readonly asked: { path: string; body: Body; execution: string | null }[] = [];
  readonly polls: Body[] = [];
  /** What the next requests to a path that ends so are answered with, before the usual answers. */
  readonly script = new Map<string, Answer[]>();
  /** The runs that a worker which connects again may keep. */
  kept: string[] = [];
  #orders: Order[] = [];
  #count = 0;
  #sessions = 0;
  #knowsOfLeaving = false;
  #tell = () => {};

  constructor() {
    vi.stubGlobal("fetch", (url: string, init: RequestInit) => this.#fetch(url, init));
  }

  start(run: string, more: Partial<Start> & { task?: string } = {}): void {
    const { task = "mine", ...start } = more;
    const fields = { id: run, task, tags: ["a"], isTest: false, createdAt: new Date(0).toISOString() };
    const packet = { payload: '{"json":1}', payloadType: "application/super+json" };
    this.order({ kind: "start", run: fields, attempt: 1, execution: 1, ...packet, waits: [], ...start });
  }

  order(order: Record<string, unknown>): void {
    this.#count += 1;
    this.#orders.push({ seq: this.#count, ...order } as unknown as Order);
    this.#tell();
  }

  /** What runs came to. */
  get reports(): Body[] {
    const reports = this.asked.filter(({ path }) => /\/(complete|fail)$/.test(path));
    return reports.map(({ path, body }) => ({ what: path.split("/").at(-1), run: path.split("/").at(-2), ...body }));
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    const path = new URL(url).pathname;
    const body = JSON.parse(String(init.body)) as Body;
    if (path.endsWith("/poll")) this.polls.push(body);
    else this.asked.push({ path, body, execution: new Headers(init.headers).get("x-tidegate-execution") });
    for (const [end, answers] of this.script) {
      const answer = path.endsWith(end) && answers.shift();
      if (answer instanceof Error) throw answer;
      if (answer instanceof Promise) await answer;
      else if (answer) return answer;
    }
    if (path.endsWith("/connect")) return Response.json(this.#connect());
    if (path.endsWith("/poll")) return this.#poll(body, init.signal as AbortSignal);
    if (path.endsWith("/input-streams/wait")) return Response.json({ waitpointId: "waitpoint_1", isCached: false });
    return Response.json({ ok: true, success: true });
  }

  #connect(): Body {
    this.#sessions += 1;
    [this.#orders, this.#count] = [[], 0];
    return { session: `session ${this.#sessions}`, runs: this.kept, silenceMs: 9_000, holdMs: 3_000 };
  }

  async #poll({ seen, session, isLeaving }: Body, signal: AbortSignal): Promise<Response> {
    if (session !== `session ${this.#sessions}`) return Response.json({ error: "connect again" }, { status: 410 });
    const orders = () => this.#orders.filter(({ seq }) => seq > (seen as number));
    const isNews = isLeaving && !this.#knowsOfLeaving;
    this.#knowsOfLeaving ||= isNews === true;
    if (orders().length === 0 && !isNews) {
      await new Promise<void>((settle, reject) => {
        this.#tell = settle;
        setTimeout(settle, 3_000);
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    }
    return Response.json({ orders: orders() });
  }
}
