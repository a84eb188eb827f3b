import { expect } from "vitest";
import type { Answer, SideName } from "./server.js";
import { pass, settle, until } from "./time.js";
import { type Act, STREAMS, type World } from "./world.js";

/** Something that happens on both sides. It says what in a word, or false where there is nothing to do it with. */
export type Step = (world: World) => string | false | Promise<string | false>;

const aStream = (world: World): string => world.random.pick(STREAMS);

const send: Step = (world) => {
  const stream = aStream(world);
  const entries = world.random.list(4, () => world.anyEntry(stream));
  world.server.append(stream, ...entries);
  return `send ${JSON.stringify(entries.map(({ value }) => value))} to ${stream}`;
};

/** To two streams at once, of which either may be read first: what a handler of one does to the other is left out then. */
const sendTwice: Step = async (world) => !world.isCrossed && `${await send(world)}, ${await send(world)}`;

const command: Step = (world) => {
  const stream = aStream(world);
  world.server.append(stream, { kind: "command", data: undefined, value: undefined });
  return `command in ${stream}`;
};

function someAct(world: World, stream: string): Act {
  const { random } = world;
  const who = world.someone();
  // What ends itself while it is handed what waits does so at a time that is not the same: there one side reads at once.
  const kinds: Act["does"][] = [
    "throw",
    "reject",
    "peek",
    "attach",
    "once",
    ...(world.isUnread(stream) ? [] : ["off" as const]),
  ];
  const does = random.pick(kinds);
  const others = world.listeners(stream);
  if (others.length > 0 && random.oneIn(6)) return { does: "silence", who: random.pick(others) };
  if (does === "attach" || does === "once") {
    const other = random.oneIn(3) ? aStream(world) : stream;
    world.isCrossed ||= other !== stream;
    return { does, who, stream: other };
  }
  return { does } as Act;
}

const listen: Step = (world) => {
  const stream = aStream(world);
  const acts = new Map(world.random.list(2, () => [1 + world.random.below(3), someAct(world, stream)] as const));
  // One: what waits is gone for the package when the first is attached.
  const attaching = [...acts].filter(([, { does }]) => does === "attach").map(([time]) => time);
  for (const time of attaching.slice(1)) acts.delete(time);
  const listener = { who: world.someone(), stream, acts };
  world.both((actor) => actor.listen(listener));
  return `${listener.who} listens to ${stream}: ${JSON.stringify([...acts])}`;
};

const off: Step = (world) => {
  const all = world.listeners();
  if (all.length === 0) return false;
  const who = world.random.pick(all);
  world.both((actor) => actor.off(who));
  return `${who} is taken off`;
};

const once: Step = (world) => {
  const { random } = world;
  const [who, stream] = [world.someone(), aStream(world)];
  const timeoutMs = random.oneIn(2) ? 10 * (1 + random.below(20)) : undefined;
  const aborts = random.oneIn(2);
  world.both((actor) => {
    void actor.once(who, stream, {
      ...(aborts && { abort: new AbortController() }),
      ...(timeoutMs !== undefined && { timeoutMs }),
    });
  });
  return `${who} wants one of ${stream}, ${timeoutMs} ms`;
};

const onceAborted: Step = (world) => {
  const [who, stream] = [world.someone(), aStream(world)];
  const [head] = world.theirs.buffered(stream);
  const isTaken = world.theirs.buffered(stream).length > 0;
  world.both((actor) => {
    const abort = new AbortController();
    abort.abort();
    void actor.once(who, stream, { abort });
  });
  if (isTaken) {
    world.part("aborted before", stream, () => {
      expect(world.actors.theirs.outcome(who)).toEqual({ how: "value", value: head });
      expect(world.actors.ours.outcome(who)).toEqual({ how: "aborted" });
    });
  }
  return `${who} has given up one of ${stream} before`;
};

const abort: Step = (world) => {
  const all = world.waiting().filter(([, { abort }]) => abort);
  if (all.length === 0) return false;
  const [who] = world.random.pick(all);
  world.both((actor) => actor.waiting.get(who)?.abort?.abort());
  return `${who} gives up`;
};

/** One after the other, as a loop in a task takes them. */
const loop: Step = (world) => {
  const [who, stream, times] = [world.someone(), aStream(world), 1 + world.random.below(5)];
  world.loops.add(who);
  world.both(async (actor) => {
    for (let left = times; left > 0; left -= 1) {
      if ((await actor.once(who, stream)).how !== "value") return;
    }
  });
  return `${who} wants ${times} of ${stream}`;
};

const time: Step = async (world) => {
  const ms = 10 * (1 + world.random.below(15));
  await pass(ms);
  return `${ms} ms pass`;
};

/** A connection is lost. Who waits only for so long may wait in vain meanwhile, so nothing comes then. */
const cut: Step = async (world) => {
  const { random, server, theirs } = world;
  const stream = aStream(world);
  const before = { theirs: server.connection("theirs", stream), ours: server.connection("ours", stream) };
  if (!before.theirs && !before.ours) return false;
  const how = random.pick(["end", "destroy"] as const);
  const isTimed = world.waiting().some(([, { isTimed }]) => isTimed);
  const isRefused = before.ours && theirs.isWanted(stream);
  const refusals = isRefused ? random.list(2, () => random.pick([500, 503, 401, 403])) : [];
  const { openings } = server;
  server.cut(stream, how);
  server.refuse(stream, refusals);
  const sent = isTimed ? 0 : random.below(3);
  for (let count = 0; count < sent; count += 1) server.append(stream, world.anyEntry(stream));
  await settle();
  // The package comes back for somebody, who may give up meanwhile, or to what has broken off.
  const isExpected = () => theirs.isWanted(stream) || (how === "destroy" && refusals.length === 0);
  const isBack = (side: SideName) => !before[side] || server.connection(side, stream) !== undefined;
  // Ours always, unless the last handler has taken itself off.
  const hasListeners = () => [...world.actors.ours.subscriptions.values()].some((each) => each.stream === stream);
  const hadListeners = hasListeners();
  const isOff = () => hadListeners && !hasListeners();
  const isDone = () => (isBack("ours") || isOff()) && (isBack("theirs") || !isExpected());
  await until(`both come back to ${stream}`, isDone);
  server.refuse(stream, []);
  if (before.theirs && before.ours && isBack("theirs") && isBack("ours")) comparePlaces(world, stream, openings);
  return `${how} of ${stream}, refused with ${refusals}, ${sent} records meanwhile`;
};

/** Both go on behind the last record; the package does not count what the store writes for itself. */
function comparePlaces(world: World, stream: string, openings: number): void {
  const { server } = world;
  const [theirs, ours] = [server.behind("theirs", stream, openings), server.behind("ours", stream, openings)];
  if (theirs === ours) return;
  const skipped = server.log(stream).slice(Number(theirs ?? -1) + 1, Number(ours) + 1);
  expect(skipped.length, `${stream} is read on behind ${theirs} and ${ours}`).toBeGreaterThan(0);
  expect(skipped.map(({ kind }) => kind)).toEqual(skipped.map(() => "command"));
  world.show("place of a command");
}

/** With nobody in line, nothing that waits, and no word of the store behind what was read: there the package's waits lose nothing. */
export function isClean(world: World, stream: string): boolean {
  const { theirs, server } = world;
  const next = server.log(stream)[theirs.seen(stream) + 1];
  const isQuiet =
    !theirs.isWanted(stream) && world.waiting(stream).length === 0 && theirs.buffered(stream).length === 0;
  return isQuiet && (next === undefined || next.kind === "data");
}

export function startWait(world: World, stream: string, idempotencyKey?: string): number {
  const who = world.someone();
  world.both((actor) => {
    const options = idempotencyKey === undefined ? {} : { idempotencyKey };
    void actor.wait(
      who,
      stream,
      actor.side.inside(stream, (input) => input.wait(options)),
    );
  });
  return who;
}

/** What both ask the server for. */
export function compareQuestions(world: World, stream: string): void {
  const last = (side: "theirs" | "ours") =>
    world.server.asked.findLast((each) => each.side === side && each.stream === stream);
  expect(last("ours")?.behind, `a wait for ${stream} is asked for behind`).toEqual(last("theirs")?.behind);
}

async function endWait(world: World, stream: string): Promise<string> {
  const { random, server } = world;
  if (random.oneIn(3)) {
    server.answer(stream, { ok: false, message: `Timed out after ${random.below(9)}s` } satisfies Answer);
    return "in vain";
  }
  server.append(stream, ...Array.from({ length: 1 + random.below(3) }, () => world.entry()));
  return "not in vain";
}

const wait: Step = async (world) => {
  const stream = aStream(world);
  if (!isClean(world, stream)) return false;
  const key = world.random.oneIn(4) ? `key ${world.someone()}` : undefined;
  const who = startWait(world, stream, key);
  await settle();
  const isAsleep = world.server.isWaiting("ours", stream);
  expect(world.server.isWaiting("theirs", stream)).toBe(isAsleep);
  if (!isAsleep) return `${who} waits for ${stream}, where there is something`;
  compareQuestions(world, stream);
  return `${who} waits for ${stream} ${await endWait(world, stream)}`;
};

const waitAwakeFirst: Step = async (world) => {
  const [who, stream] = [world.someone(), aStream(world)];
  if (!isClean(world, stream)) return false;
  const told: string[] = [];
  const skipSuspend = world.random.oneIn(3);
  world.both((actor) => {
    const say = (what: string) => () => void told.push(`${actor.side.name}: ${what}`);
    const options = { idleTimeoutInSeconds: 0.05, skipSuspend, onSuspend: say("sleeps"), onResume: say("wakes") };
    void actor.wait(
      who,
      stream,
      actor.side.inside(stream, (input) => input.waitWithIdleTimeout(options)),
    );
  });
  await settle();
  if (world.random.oneIn(3)) world.server.append(stream, world.entry());
  await pass(60);
  const isAsleep = world.server.isWaiting("ours", stream);
  expect(world.server.isWaiting("theirs", stream)).toBe(isAsleep);
  let end = "";
  if (isAsleep) {
    compareQuestions(world, stream);
    end = await endWait(world, stream);
    await settle();
  }
  const of = (side: string) => told.filter((each) => each.startsWith(side)).map((each) => each.slice(side.length));
  expect(of("ours")).toEqual(of("theirs"));
  return `${who} waits for ${stream}, awake first ${end}`;
};

/** Each as often as it is in here. */
export const steps: readonly Step[] = [
  ...[send, send, send, send, send, sendTwice, listen, listen, listen, off, off, once, once, once, abort, loop, loop],
  ...[time, time, cut, cut, wait, wait, waitAwakeFirst, command],
];

/** Now and then. */
export const rareSteps: readonly Step[] = [onceAborted];
