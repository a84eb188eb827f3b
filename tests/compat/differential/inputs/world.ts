import { isDeepStrictEqual } from "node:util";
import { expect } from "vitest";
import type { Random } from "../random.js";
import { type Difference, seen } from "./differences.js";
import { type Entry, InputServer, type SideName, sides } from "./server.js";
import { type OnceOptions, Ours, type Outcome, outcomeOf, type Side, Theirs } from "./sides.js";
import { settle } from "./time.js";

export const STREAMS = ["a", "b", "c"] as const;

/** What a handler does besides listening. */
export type Act =
  | { readonly does: "throw" | "reject" | "off" | "peek" }
  | { readonly does: "attach" | "once"; readonly who: number; readonly stream: string }
  | { readonly does: "silence"; readonly who: number };

export interface Listener {
  readonly who: number;
  readonly stream: string;
  /** What it does when it is called for the nth time, from 1. */
  readonly acts: ReadonlyMap<number, Act>;
}

interface Told {
  readonly who: number;
  readonly value: unknown;
}

interface Glance extends Told {
  readonly stream: string;
  /** The record that the handler was told of. */
  readonly at: unknown;
  /** What waited when its handing out began; nothing where the record has just come. */
  readonly flushed: unknown[] | undefined;
}

/** Someone in line. */
interface Waiting {
  readonly stream: string;
  readonly isTimed: boolean;
  readonly abort: AbortController | undefined;
}

/** One side with those who listen there, and what it has done since it was looked at. */
class Actor {
  readonly subscriptions = new Map<number, { stream: string; off(): void }>();
  readonly waiting = new Map<number, Waiting>();
  told: (Told & { stream: string })[] = [];
  ended: { who: number; stream: string; outcome: Outcome }[] = [];
  glances: Glance[] = [];
  readonly #calls = new Map<number, number>();
  /** What those were told already who have attached a handler meanwhile: only the package tells that one too. */
  readonly #repeats = new Map<number, { stream: string; values: unknown[]; shows: Difference }>();
  readonly #flushes: { who: number; waited: unknown[]; handed: unknown[] }[] = [];

  constructor(
    readonly world: World,
    readonly side: Side,
  ) {}

  listen(listener: Listener): void {
    const { who, stream } = listener;
    this.#flushes.push({ who, waited: this.world.theirs.buffered(stream), handed: [] });
    const { off } = this.side.inside(stream, (input) => input.on((value) => this.#tell(listener, value)));
    this.#flushes.pop();
    this.subscriptions.set(who, { stream, off });
  }

  off(who: number): void {
    this.subscriptions.get(who)?.off();
    this.subscriptions.delete(who);
  }

  once(who: number, stream: string, options: OnceOptions & { abort?: AbortController } = {}): Promise<Outcome> {
    const { abort, ...given } = options;
    const { timeoutMs } = given;
    const promise = this.side.inside(stream, (input) => input.once(abort ? { ...given, signal: abort.signal } : given));
    return this.wait(who, stream, promise, { stream, isTimed: timeoutMs !== undefined, abort });
  }

  async wait(
    who: number,
    stream: string,
    promise: Parameters<typeof outcomeOf>[0],
    waiting: Waiting = { stream, isTimed: false, abort: undefined },
  ): Promise<Outcome> {
    this.waiting.set(who, waiting);
    const outcome = await outcomeOf(promise);
    this.waiting.delete(who);
    this.ended.push({ who, stream, outcome });
    return outcome;
  }

  peek(stream: string): unknown {
    return this.side.inside(stream, (input) => input.peek());
  }

  /** What somebody was told since the last look. */
  heard(who: number): unknown[] {
    return this.told.filter((told) => told.who === who).map(({ value }) => value);
  }

  outcome(who: number): Outcome | undefined {
    return this.ended.find((ended) => ended.who === who)?.outcome;
  }

  forget(): void {
    const repeats = [...this.#repeats.values()].filter(({ stream }) => !this.world.hasPartedOn(stream));
    const missing = repeats.flatMap(({ values }) => values);
    if (this.side.name === "theirs") expect(missing, "what the package tells again").toEqual([]);
    this.#repeats.clear();
    this.told = [];
    this.ended = [];
    this.glances = [];
  }

  #tell(listener: Listener, value: unknown): unknown {
    const { who, stream } = listener;
    const repeats = this.side.name === "theirs" ? this.#repeats.get(who) : undefined;
    if (repeats && repeats.values.length > 0 && isDeepStrictEqual(repeats.values[0], value)) {
      repeats.values.shift();
      this.world.show(repeats.shows);
      return undefined;
    }
    this.told.push({ who, stream, value });
    const flush = this.#flushes.at(-1)?.who === who ? this.#flushes.at(-1) : undefined;
    flush?.handed.push(value);
    const count = (this.#calls.get(who) ?? 0) + 1;
    this.#calls.set(who, count);
    const act = listener.acts.get(count);
    return act && this.#act(listener, act, value, flush);
  }

  #act(
    listener: Listener,
    act: Act,
    at: unknown,
    flush: { waited: unknown[]; handed: unknown[] } | undefined,
  ): unknown {
    const { who, stream } = listener;
    switch (act.does) {
      case "throw":
        throw new Error("A handler throws.");
      case "reject":
        return Promise.reject(new Error("A handler rejects."));
      case "off":
        this.off(who);
        return undefined;
      case "silence":
        this.off(act.who);
        return undefined;
      case "peek":
        this.glances.push({ who, stream, value: this.peek(stream), at, flushed: flush?.waited });
        return undefined;
      case "attach": {
        if (act.stream === stream) {
          const values = flush ? [...flush.handed] : [at];
          this.#repeats.set(act.who, {
            stream,
            values,
            shows: flush ? "attached while flushed" : "attached while told",
          });
          if (flush && this.side.name === "theirs") this.world.reordered.add(stream);
        }
        this.listen({ who: act.who, stream: act.stream, acts: new Map() });
        return undefined;
      }
      case "once": {
        if (act.stream === stream && flush && this.side.name === "theirs")
          this.world.takeAgain(act.who, stream, at, flush.waited);
        void this.once(act.who, act.stream);
      }
    }
  }
}

/** Two runs that are the same but for the package that their task is written with. */
export class World {
  readonly server: InputServer;
  readonly theirs: Theirs;
  readonly actors: Record<SideName, Actor>;
  /** Where handlers of a stream were called in another order, each as it should be. */
  readonly reordered = new Set<string>();
  /** Those who want one record after the other. */
  readonly loops = new Set<number>();
  /** Streams on which one of them got a record that a handler heard as well. */
  readonly #raced = new Set<string>();
  /** A handler does something to another stream than its own. */
  isCrossed = false;
  /** Streams on which the two have parted, and what has to be found there. */
  readonly #partings = new Map<string, () => void>();
  readonly #blanks = new Set<string>();
  #people = 0;
  #values = 0;

  constructor(
    readonly random: Random,
    seed: number,
  ) {
    this.server = new InputServer(random);
    this.theirs = new Theirs(this.server, `run_${seed}`);
    const ours = new Ours(this.server, `run_${seed}`, random.oneIn(2));
    this.actors = { theirs: new Actor(this, this.theirs), ours: new Actor(this, ours) };
    globalThis.fetch = this.server.fetch as typeof fetch;
  }

  get hasParted(): boolean {
    return this.#partings.size > 0;
  }

  hasPartedOn(stream: string): boolean {
    return this.#partings.has(stream);
  }

  someone(): number {
    this.#people += 1;
    return this.#people;
  }

  both(act: (actor: Actor) => void): void {
    for (const side of sides) act(this.actors[side]);
  }

  async end(): Promise<void> {
    this.server.releaseAnswers();
    for (const name of sides) await this.actors[name].side.end();
  }

  /** Those who listen; to that stream, if one is named. */
  listeners(stream?: string): number[] {
    const all = [...this.actors.theirs.subscriptions];
    return all.filter(([, each]) => stream === undefined || each.stream === stream).map(([who]) => who);
  }

  /** Those who are in line. */
  waiting(stream?: string, actor = this.actors.theirs): [number, Waiting][] {
    return [...actor.waiting].filter(([, each]) => stream === undefined || each.stream === stream);
  }

  /** Whether there is a record that somebody has not read, or that nobody has taken. */
  isUnread(stream: string): boolean {
    const isRead = this.theirs.seen(stream) === this.server.log(stream).length - 1;
    return !isRead || this.theirs.buffered(stream).length > 0;
  }

  /** A record that is like no other. */
  entry(): Entry {
    this.#values += 1;
    const { random } = this;
    const n = this.#values;
    const value = random.pick<() => unknown>([
      () => n,
      () => n + 0.5,
      () => `${n} ${random.text()}`,
      () => ({ n, text: random.text(), list: [n, null, true] }),
      () => [n, { deep: [random.text()] }],
      () => JSON.stringify({ n }),
    ])();
    return { kind: "data", data: JSON.stringify(value), value };
  }

  /** Also what no send makes of a value: nothing, null, and what somebody wrote into the log by another way. */
  anyEntry(stream: string): Entry {
    const { random } = this;
    const entry = random.pick([
      { kind: "data", data: undefined, value: undefined },
      { kind: "data", data: "null", value: null },
      ...Array.from({ length: 20 }, () => this.entry()),
    ] as const);
    // Once, so that one record can be told from another.
    if (entry.value == null) {
      const blank = `${stream} ${entry.value}`;
      if (this.#blanks.has(blank)) return this.entry();
      this.#blanks.add(blank);
      return entry;
    }
    if (random.oneIn(10)) return { kind: "data", data: { n: entry.data }, value: { n: entry.data } };
    if (random.oneIn(10)) return { kind: "data", data: `no JSON ${entry.data}`, value: `no JSON ${entry.data}` };
    return entry;
  }

  show(difference: Difference): void {
    seen.set(difference, (seen.get(difference) ?? 0) + 1);
  }

  /** From here on the two are not alike on that stream. What they do instead is what `hold` says. */
  part(difference: Difference, stream: string, hold: () => void): void {
    if (this.#partings.has(stream)) return;
    this.#partings.set(stream, () => {
      hold();
      this.show(difference);
    });
  }

  /** A once in a handler that is being handed what waited. */
  takeAgain(who: number, stream: string, at: unknown, waited: unknown[]): void {
    const [again] = this.theirs.buffered(stream);
    const isAgain = this.theirs.buffered(stream).length > 0;
    const values = this.server.values(stream);
    const behind = (record: unknown) => {
      const next = values.slice(values.findIndex((value) => isDeepStrictEqual(value, record)) + 1);
      return next.length > 0 ? { how: "value", value: next[0] } : undefined;
    };
    this.part("once while flushed", stream, () => {
      const { theirs, ours } = this.actors;
      // Where an attached handler has emptied what waited, it gets what is read after that.
      expect(theirs.outcome(who)).toEqual(isAgain ? { how: "value", value: again } : behind(waited.at(-1)));
      expect(ours.outcome(who)).toEqual(behind(at));
    });
  }

  /** Holds the two against each other, on all streams, for what has happened since the last look. */
  async look(): Promise<void> {
    await settle();
    const { theirs, ours } = this.actors;
    for (const stream of STREAMS) {
      const parting = this.#partings.get(stream);
      if (parting) {
        parting();
        continue;
      }
      // What handlers of one did to another is not the same then either.
      if (this.hasParted && this.isCrossed) continue;
      const told = (actor: Actor) => {
        const here = actor.told.filter((each) => each.stream === stream);
        return this.reordered.has(stream) ? here.sort((one, other) => one.who - other.who) : here;
      };
      expect(told(ours), `what handlers of "${stream}" were told`).toEqual(told(theirs));
      const ended = (actor: Actor) => actor.ended.filter((each) => each.stream === stream);
      if (told(ours).length > 0 && ended(ours).some(({ who }) => this.loops.has(who))) this.#raced.add(stream);
      if (this.#raced.has(stream) && !isDeepStrictEqual(ended(ours), ended(theirs))) {
        this.#comparePassedBy(stream);
        continue;
      }
      expect(ended(ours), `what those in the line of "${stream}" got`).toEqual(ended(theirs));
      this.#comparePeeks(stream);
      this.#compareGlances(stream);
    }
    this.both((actor) => actor.forget());
    this.reordered.clear();
  }

  /** A loop beside a handler: here it gets every record from its first one on, and there those for which it was quick enough. */
  #comparePassedBy(stream: string): void {
    const values = this.server.values(stream);
    const places = (actor: Actor) =>
      actor.ended
        .filter((each) => each.stream === stream && each.outcome.how === "value")
        .map(({ outcome }) => values.findIndex((value) => isDeepStrictEqual(value, outcome.value)));
    const [theirs, ours] = [places(this.actors.theirs), places(this.actors.ours)];
    const first = ours[0] as number;
    // Until the last loop has ended: then nobody may be in line for a record that handlers hear.
    const isLooping = this.waiting(stream, this.actors.ours).some(([who]) => this.loops.has(who));
    const ended = this.actors.ours.ended.filter((each) => each.stream === stream && each.outcome.how === "value");
    const looped = isLooping ? ended.length : ended.findLastIndex(({ who }) => this.loops.has(who)) + 1;
    const all = Array.from({ length: looped }, (_, index) => first + index);
    expect(ours.slice(0, looped), `what a loop got of "${stream}"`).toEqual(all);
    expect(ours).toEqual([...new Set(ours)].sort((one, other) => one - other));
    expect(theirs[0]).toBe(first);
    expect(theirs).toEqual([...new Set(theirs)].sort((one, other) => one - other));
    expect(theirs.length).toBeLessThanOrEqual(ours.length);
    this.#partings.set(stream, () => {});
    this.show("passed by");
  }

  /** Who has no connection has not seen what came since; everybody else shows the same. */
  #comparePeeks(stream: string): void {
    const [theirs, ours] = sides.map((name) => this.actors[name].peek(stream));
    const [isTheirs, isOurs] = sides.map((name) => this.server.connection(name, stream) !== undefined);
    if (theirs !== undefined && ours === undefined && !isOurs) this.show("closed after off");
    else if (ours !== undefined && theirs === undefined && !isTheirs) this.show("not back without listeners");
    else expect(ours, `what waits in "${stream}"`).toEqual(theirs);
  }

  #compareGlances(stream: string): void {
    const [theirs = [], ours = []] = sides.map((name) =>
      this.actors[name].glances.filter((glance) => glance.stream === stream),
    );
    expect(ours.map(({ who }) => who)).toEqual(theirs.map(({ who }) => who));
    for (const [index, our] of ours.entries()) {
      const their = theirs[index] as Glance;
      if (isDeepStrictEqual(our.value, their.value)) continue;
      const values = this.server.values(stream);
      const next = values[values.findIndex((value) => isDeepStrictEqual(value, our.at)) + 1];
      expect([undefined, next], "what a handler saw waiting").toContainEqual(our.value);
      // The one that was attached meanwhile has emptied it.
      const first = this.reordered.has(stream) ? undefined : their.flushed?.[0];
      expect([their.flushed?.[0], first], "what a handler of the package saw waiting").toContainEqual(their.value);
      if (their.flushed?.length) this.show("peek while flushed");
      else if (this.actors.ours.ended.some((each) => each.stream === stream)) this.show("peek behind a once");
      // Only here it had been read before.
      else expect(our.flushed).toBeDefined();
    }
  }
}

export type { Actor };
