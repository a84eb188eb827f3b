import { expect } from "vitest";
import type { Difference } from "./differences.js";
import type { Kind } from "./server.js";
import { compareQuestions, isClean, startWait } from "./steps.js";
import { pass, settle, until } from "./time.js";
import type { Actor, World } from "./world.js";

/** How a program ends: both sides are the same until then, and afterwards are what this says. */
export type Ending = (world: World, stream: string) => Promise<void>;

const NOTHING = { kind: "data", data: undefined, value: undefined } as const;
const bare = (kind: Kind) => ({ ...NOTHING, kind });

/** Sends something new, and says what. */
function send(world: World, stream: string): unknown {
  const made = world.entry();
  world.server.append(stream, made);
  return made.value;
}

/** Somebody listens. */
function listen(world: World, stream: string): number {
  const who = world.someone();
  world.both((actor) => actor.listen({ who, stream, acts: new Map() }));
  return who;
}

function once(world: World, stream: string, options: { timeoutMs?: number } = {}): number {
  const who = world.someone();
  world.both((actor) => void actor.once(who, stream, options));
  return who;
}

const value = (value: unknown) => ({ how: "value", value }) as const;

/** Nobody is in line any more, and everything has been taken: seen by both. */
async function calm(world: World, stream: string): Promise<void> {
  for (const who of world.listeners(stream)) world.both((actor) => actor.off(who));
  while (world.waiting(stream).length > 0) {
    send(world, stream);
    await world.look();
    if (world.hasParted) return;
  }
  // The package does not know where it is behind a word of the store.
  if (world.server.log(stream).at(-1)?.kind === "command") send(world, stream);
  const who = listen(world, stream);
  await world.look();
  world.both((actor) => actor.off(who));
  await world.look();
  expect(isClean(world, stream)).toBe(true);
}

/** The two part. What they do instead is looked at here, and not compared. */
const parted =
  (difference: Difference, body: (world: World, stream: string, both: World["actors"]) => Promise<void>): Ending =>
  async (world, stream) => {
    await calm(world, stream);
    if (world.hasParted) return;
    await body(world, stream, world.actors);
    world.part(difference, stream, () => {});
    await world.look();
  };

/** What is left is taken, and both ask for what comes next behind the same record. */
const inPeace: Ending = async (world, stream) => {
  await calm(world, stream);
  if (world.hasParted) return;
  const who = startWait(world, stream);
  await settle();
  compareQuestions(world, stream);
  const sent = send(world, stream);
  await settle();
  world.both((actor) => expect(actor.outcome(who)).toEqual(value(sent)));
  await world.look();
};

/** The run is over, with whoever is in line. */
const theEnd: Ending = async (world, stream) => {
  await world.end();
  send(world, stream);
  await world.look();
  const who = once(world, stream);
  await settle();
  expect(world.actors.theirs.outcome(who)).toBeUndefined();
  expect(world.actors.ours.outcome(who)).toEqual({ how: "ended" });
  world.part("after the end", stream, () => {});
  await world.look();
};

const waitDrops = parted("wait drops", async (world, stream, { theirs, ours }) => {
  // The one that is read with them, or none: then they are in the log only.
  const taker = world.random.oneIn(2) ? once(world, stream) : undefined;
  const [first, second, third] = [send(world, stream), send(world, stream), send(world, stream)];
  await settle();
  const lost = taker === undefined ? [first, second, third] : [second, third];
  expect(world.theirs.buffered(stream)).toEqual(lost);
  const who = startWait(world, stream);
  await settle();
  expect(ours.outcome(who)).toEqual(value(lost[0]));
  expect(theirs.outcome(who)).toBeUndefined();
  expect(world.server.asked.findLast(({ side }) => side === "theirs")?.behind).toBe(world.theirs.seen(stream));
  expect(world.theirs.buffered(stream)).toEqual([]);
});

const deafAfterWait = parted("deaf after wait", async (world, stream, { theirs, ours }) => {
  const listener = listen(world, stream);
  await settle();
  const who = startWait(world, stream);
  await settle();
  const awaited = send(world, stream);
  await settle();
  const next = send(world, stream);
  await settle();
  for (const actor of [theirs, ours]) expect(actor.outcome(who)).toEqual(value(awaited));
  expect(theirs.heard(listener)).toEqual([]);
  expect(ours.heard(listener)).toEqual([next]);
});

const waitJumps = parted("wait jumps the line", async (world, stream, { theirs, ours }) => {
  const first = once(world, stream);
  await settle();
  const second = startWait(world, stream);
  await settle();
  const sent = send(world, stream);
  await settle();
  expect([theirs.outcome(first), theirs.outcome(second)]).toEqual([undefined, value(sent)]);
  expect([ours.outcome(first), ours.outcome(second)]).toEqual([value(sent), undefined]);
  const next = send(world, stream);
  await settle();
  expect(theirs.outcome(first)).toBeUndefined();
  expect(ours.outcome(second)).toEqual(value(next));
});

/** The package takes the place of its tail for one further than it is: the next record is nobody's. */
async function expectSkip(world: World, stream: string): Promise<void> {
  const { theirs, ours } = world.actors;
  const [lost, kept] = [send(world, stream), send(world, stream)];
  const who = listen(world, stream);
  // Where an answer is looked for in the log, so long.
  await pass(3_000);
  expect(theirs.heard(who)).toEqual([kept]);
  expect(ours.heard(who)).toEqual([lost, kept]);
}

const heardInWait = parted("heard in wait", async (world, stream, { theirs, ours }) => {
  const who = startWait(world, stream);
  await settle();
  const listener = listen(world, stream);
  await settle();
  const sent = send(world, stream);
  await settle();
  for (const actor of [theirs, ours]) expect(actor.outcome(who)).toEqual(value(sent));
  expect(theirs.heard(listener)).toEqual([sent]);
  expect(ours.heard(listener)).toEqual([]);
});

const comesBeforeSleep = parted("comes before sleep", async (world, stream, { theirs, ours }) => {
  // It reads while it registers.
  const reader = listen(world, stream);
  await settle();
  world.both((actor) => actor.off(reader));
  world.server.holdAnswers();
  const who = startWait(world, stream);
  await settle();
  const sent = send(world, stream);
  await settle();
  world.server.releaseAnswers();
  await settle();
  for (const actor of [theirs, ours]) expect(actor.outcome(who)).toEqual(value(sent));
  await expectSkip(world, stream);
});

const answeredTwice = parted("answered twice", async (world, stream, { theirs, ours }) => {
  const key = `key ${world.someone()}`;
  const first = startWait(world, stream, key);
  await settle();
  const sent = send(world, stream);
  await settle();
  const again = startWait(world, stream, key);
  await settle();
  for (const actor of [theirs, ours]) {
    expect([actor.outcome(first), actor.outcome(again)]).toEqual([value(sent), value(sent)]);
  }
  await expectSkip(world, stream);
});

const answeredByHand = parted("answered by hand", async (world, stream, { theirs, ours }) => {
  const who = startWait(world, stream);
  await settle();
  world.server.answer(stream, { ok: true, data: '"by hand"', seq: undefined });
  await settle();
  for (const actor of [theirs, ours]) expect(actor.outcome(who)).toEqual(value("by hand"));
  await expectSkip(world, stream);
});

const waitOverCommand = parted("wait over a command", async (world, stream, { theirs, ours }) => {
  world.server.append(stream, bare("command"));
  const who = startWait(world, stream);
  await settle();
  const sent = send(world, stream);
  await settle();
  for (const actor of [theirs, ours]) expect(actor.outcome(who)).toEqual(value(sent));
  const listener = listen(world, stream);
  await settle();
  const next = send(world, stream);
  await settle();
  expect(theirs.heard(listener)).toEqual([sent, next]);
  expect(ours.heard(listener)).toEqual([next]);
});

const tailTwice = parted("tail twice", async (world, stream, { theirs, ours }) => {
  const [first, second] = [world.someone(), world.someone()];
  // Its tail is open.
  const reader = listen(world, stream);
  await settle();
  world.both((actor) => actor.off(reader));
  const listener = { who: first, stream, acts: new Map() };
  // It has ended when they begin to wait for it.
  world.server.holdAnswers();
  world.both(async (actor) => {
    await actor.wait(
      second,
      stream,
      actor.side.inside(stream, (input) => input.wait()),
    );
    actor.listen(listener);
  });
  await settle();
  world.server.answer(stream, { ok: false, message: "Timed out" });
  world.server.releaseAnswers();
  await settle();
  const other = listen(world, stream);
  await settle();
  const sent = send(world, stream);
  await settle();
  expect(theirs.heard(other)).toEqual([sent, sent]);
  expect(ours.heard(other)).toEqual([sent]);
});

/** A record without a value for whoever is in line, or none. */
const withoutValue = (difference: Difference, kind: Kind) =>
  parted(difference, async (world, stream, { theirs, ours }) => {
    const [first, listener] = [once(world, stream), listen(world, stream)];
    await settle();
    world.server.append(stream, bare(kind));
    await settle();
    expect([theirs.outcome(first), theirs.heard(listener)]).toEqual([value(undefined), [undefined]]);
    expect([ours.outcome(first), ours.heard(listener)]).toEqual([undefined, []]);
    const sent = send(world, stream);
    await settle();
    expect(theirs.heard(listener)).toEqual([undefined, sent]);
    expect([ours.outcome(first), ours.heard(listener)]).toEqual([value(sent), [sent]]);
  });

const offAgain = parted("off again", async (world, stream, { theirs, ours }) => {
  const first = listen(world, stream);
  await settle();
  const offs = [theirs, ours].map((actor) => actor.subscriptions.get(first)?.off);
  for (const off of offs) off?.();
  const second = listen(world, stream);
  for (const off of offs) off?.();
  const sent = send(world, stream);
  await settle();
  expect(theirs.heard(second)).toEqual([]);
  expect(ours.heard(second)).toEqual([sent]);
});

/** The two are alike again afterwards: what is compared goes on. */
const apart =
  (difference: Difference, body: (world: World, stream: string, both: World["actors"]) => Promise<void>): Ending =>
  async (world, stream) => {
    await calm(world, stream);
    if (world.hasParted) return;
    await body(world, stream, world.actors);
    world.show(difference);
    await inPeace(world, stream);
  };

const sameFunction = apart("same function", async (world, stream, { theirs, ours }) => {
  const heard = { theirs: [] as unknown[], ours: [] as unknown[] };
  const subscribe = (actor: Actor) => {
    const handler = (value: unknown) => heard[actor.side.name].push(value);
    const on = () => actor.side.inside(stream, (input) => input.on(handler));
    return [on(), on()];
  };
  const subscriptions = [...subscribe(theirs), ...subscribe(ours)];
  const sent = send(world, stream);
  await settle();
  expect(heard).toEqual({ theirs: [sent], ours: [sent, sent] });
  for (const { off } of subscriptions) off();
});

const tooLong = apart("too long", async (world, stream, { theirs, ours }) => {
  const timeoutMs = 2 ** 31 + world.random.below(1_000);
  const who = once(world, stream, { timeoutMs });
  await pass(20);
  expect(theirs.outcome(who)).toEqual({ how: "late", value: ["InputStreamTimeoutError", stream, timeoutMs] });
  expect(ours.outcome(who)).toBeUndefined();
  const sent = send(world, stream);
  await settle();
  expect(ours.outcome(who)).toEqual(value(sent));
  expect(theirs.peek(stream)).toEqual(sent);
  // So that nothing is left there either.
  void theirs.once(who, stream);
  await settle();
  for (const actor of [theirs, ours]) actor.forget();
});

const negative = apart("negative", async (world, stream, { theirs, ours }) => {
  const who = once(world, stream, { timeoutMs: -1 });
  await pass(10);
  expect(theirs.outcome(who)).toEqual({ how: "late", value: ["InputStreamTimeoutError", stream, -1] });
  expect(ours.outcome(who)).toEqual({ how: "refused" });
  for (const actor of [theirs, ours]) actor.forget();
});

const slower = apart("slower and slower", async (world, stream, { theirs, ours }) => {
  const { server, random } = world;
  const who = listen(world, stream);
  await settle();
  const windows = 1 + random.below(6);
  for (let window = 0; window < windows; window += 1) {
    await pass(60_000, 5_000);
    const began = performance.now();
    server.cut(stream, "end");
    await settle();
    if (window === windows - 1) break;
    await until("the package comes back", () => server.connection("theirs", stream) !== undefined);
    expect(performance.now() - began).toBeGreaterThanOrEqual(Math.min(1_000 * 2 ** window, 30_000));
  }
  const sent = send(world, stream);
  await pass(10);
  expect(theirs.heard(who)).toEqual([]);
  expect(ours.heard(who)).toEqual([sent]);
  // A little less than it takes.
  await pass(Math.min(1_000 * 2 ** (windows - 1), 30_000) - 100, 900);
  expect(theirs.heard(who)).toEqual([]);
  await until("the package comes back", () => theirs.heard(who).length > 0);
  await world.look();
});

const unbounded = apart("unbounded", async (world, stream) => {
  const { server } = world;
  const first = once(world, stream);
  send(world, stream);
  await settle();
  world.both((actor) => expect(actor.outcome(first)?.how).toBe("value"));
  const text = "x".repeat(1_000_000);
  for (let n = 0; n < 12; n += 1)
    server.append(stream, { kind: "data", data: JSON.stringify(`${n}${text}`), value: `${n}${text}` });
  await settle();
  expect(world.theirs.buffered(stream)).toHaveLength(12);
  expect(server.connection("theirs", stream)?.taken).toBeGreaterThan(12_000_000);
  expect(server.connection("ours", stream)?.taken).toBeLessThan(10_000_000);
});

/** Each as often as it is in here. */
export const endings: readonly Ending[] = [
  ...[inPeace, inPeace, inPeace, inPeace, inPeace, inPeace, theEnd, waitDrops, deafAfterWait, waitJumps, heardInWait],
  ...[comesBeforeSleep, answeredTwice, answeredByHand, waitOverCommand, tailTwice, offAgain, sameFunction, tooLong],
  ...[negative, slower, withoutValue("control record", "control"), withoutValue("broken record", "broken")],
];

/** Large. */
export const rareEndings: readonly Ending[] = [unbounded];
