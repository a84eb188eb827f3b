import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type Difference, differences, seen } from "./inputs/differences.js";
import { endings, rareEndings } from "./inputs/endings.js";
import { startOfficial } from "./inputs/sides.js";
import { rareSteps, steps } from "./inputs/steps.js";
import { takeTime } from "./inputs/time.js";
import { STREAMS, World } from "./inputs/world.js";
import { randomFrom } from "./random.js";

const PROGRAMS = Number(process.env.PROGRAMS || 300);
const MOST_STEPS = 30;
/** One program alone, as a failure names it. */
const SEED = Number(process.env.SEED || 0);

const rejections: unknown[] = [];
const onRejection = (reason: unknown) => rejections.push(reason);

beforeAll(async () => {
  // Each tells of what handlers throw, and of what cannot be read.
  vi.spyOn(console, "error").mockImplementation(() => {});
  process.on("unhandledRejection", onRejection);
  startOfficial();
  // The core is loaded in real time.
  const world = new World(randomFrom(0), 0);
  world.server.append("a", world.entry());
  await world.actors.ours.once(world.someone(), "a");
  await world.end();
  takeTime();
});

afterAll(() => {
  process.off("unhandledRejection", onRejection);
  vi.useRealTimers();
  vi.restoreAllMocks();
});

async function run(seed: number): Promise<void> {
  const random = randomFrom(seed);
  const world = new World(random, seed);
  const done: string[] = [];
  try {
    for (let left = random.below(MOST_STEPS); left > 0 && !world.hasParted; left -= 1) {
      const what = await random.pick(random.oneIn(50) ? rareSteps : steps)(world);
      if (what) done.push(what);
      await world.look();
    }
    if (!world.hasParted) {
      const [ending, stream] = [random.pick(random.oneIn(100) ? rareEndings : endings), random.pick(STREAMS)];
      done.push(`the end, with ${stream}, is number ${endings.indexOf(ending)}`);
      await ending(world, stream);
    }
    expect(rejections).toEqual([]);
  } catch (error) {
    const program = done.map((step) => `  ${step}`).join("\n");
    throw new Error(`SEED=${seed} fails after\n${program}\n${(error as Error).message}`, { cause: error });
  } finally {
    await world.end();
  }
}

test(`${SEED ? `program ${SEED}` : `${PROGRAMS} programs`}: the same records go to the same consumers`, async () => {
  if (SEED) await run(SEED);
  else for (let seed = 1; seed <= PROGRAMS; seed += 1) await run(seed);
}, 3_600_000);

/** Where the two are not the same on purpose: what a program found of it was as it is said, and one has found it. */
for (const [name, [theirs, ours]] of Object.entries(differences)) {
  test.skipIf(SEED)(`differs: the package ${theirs}; Tidegate ${ours}.`, () => {
    expect(seen.get(name as Difference)).toBeGreaterThan(0);
  });
}
