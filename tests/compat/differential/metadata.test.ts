import { expect, test } from "vitest";
import { type MetadataStreams, metadataWith } from "../../../js/src/task/metadata.js";
import { inRun } from "../../../js/src/task/run-context.js";
import { FakeRun } from "../../../js/src/testing/fake-run.js";
import { type MetadataKind, type MetadataMachine, MetadataStep } from "../../../js/src/wasm/metadata-interface.js";
import { createMetadata } from "../../../js/src/wasm/task-core.js";
import { type Random, randomFrom } from "./random.js";

/** What the package applies operations with, and gathers them; it has no entry for them. */
const inside = (file: string) =>
  new URL(`../node_modules/@trigger.dev/core/dist/esm/v3/runMetadata/${file}`, import.meta.url).href;
const { applyMetadataOperations, collapseOperations } = (await import(inside("operations.js"))) as {
  applyMetadataOperations(document: object, operations: unknown): { newMetadata: object };
  collapseOperations(operations: Operation[]): Operation[];
};
const { StandardMetadataManager } = (await import(inside("manager.js"))) as {
  StandardMetadataManager: new (client: unknown) => Manager;
};

/** What tasks of the package are given. */
interface Manager {
  runId: string;
  runIdIsRoot: boolean;
  enterWithMetadata(document: object): void;
  current(): object;
  flush(): Promise<void>;
  readonly parent: Record<string, (...given: unknown[]) => unknown>;
  [method: string]: unknown;
}

interface Operation {
  readonly type: MetadataKind;
  readonly key: string;
  readonly value?: unknown;
}

const PROGRAMS = Number(process.env.PROGRAMS || 500);
const MOST_OPERATIONS = 30;

const NAMES = ["a", "b", "c", "list", "n", "x y", "ünï", "0"];
const STEPS = ["a", "b", "list", "n", "0", "1", "3"];

/** As it is once it has been on the wire. */
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value));

function someValue(random: Random, depth = 0): unknown {
  const kinds = depth < 3 ? 10 : 7;
  switch (random.below(kinds)) {
    case 0:
      return null;
    case 1:
      return random.oneIn(2);
    case 2:
      return random.below(5);
    case 3:
      return (random.below(2_000) - 1_000) / 8;
    case 4:
      return random.pick([1e21, -1.5e-9, 0.1, 9007199254740992, 123456789012345680000]);
    case 5:
    case 6:
      return random.text();
    case 7:
      return random.list(3, () => someValue(random, depth + 1));
    default:
      return Object.fromEntries(random.list(3, () => [random.pick(STEPS), someValue(random, depth + 1)]));
  }
}

/** `*` only where no key below it is one that the package takes for something else: {@link STEPS} are plain. */
function someKey(random: Random): string {
  if (!random.oneIn(3)) return random.pick(NAMES);
  const steps = [random.pick(["a", "b", "list"]), ...random.list(2, () => random.pick(STEPS))];
  return `$.${steps.join(random.oneIn(8) ? ".." : ".")}`;
}

function someOperation(random: Random): Operation {
  const type = random.pick(["set", "set", "delete", "append", "append", "remove", "increment", "increment"] as const);
  const key = someKey(random);
  if (random.oneIn(40)) return { type: "update", key: "", value: someDocument(random) };
  if (type === "delete") return { type, key };
  if (type === "increment") return { type, key, value: random.pick([1, 1, 2, -1, 0, 0.5, 0.1]) };
  return { type, key, value: someValue(random, 1) };
}

const someDocument = (random: Random) =>
  Object.fromEntries(random.list(5, () => [random.pick(NAMES), someValue(random)]));

function start(document: object): MetadataMachine {
  return createMetadata(JSON.stringify(document), 0, 1_000, 1);
}

function give(machine: MetadataMachine, { type, key, value }: Operation): string {
  return machine.apply(0, 0, type, key, value === undefined ? "" : JSON.stringify(value));
}

const seen = (machine: MetadataMachine): object => JSON.parse(machine.document());

/** What it writes, as the server gets it. */
function written(machine: MetadataMachine): Operation[] {
  machine.flush(0);
  if (machine.poll(0) !== MetadataStep.write) return [];
  return JSON.parse(machine.second()).operations;
}

/** One operation of the package on a document that came over the wire. */
function theirs(document: object, operation: Operation): object {
  try {
    return plain(applyMetadataOperations(plain(document), operation).newMetadata);
  } catch {
    return document; // the call throws, and the document is as before
  }
}

test(`${PROGRAMS} programs end with the same document`, () => {
  let operations = 0;
  let compared = 0;
  for (let seed = 0; seed < PROGRAMS; seed += 1) {
    const random = randomFrom(seed);
    const before = plain(someDocument(random));
    const machine = start(before);
    let expected: object = before;
    const program = random.list(MOST_OPERATIONS, () => someOperation(random));
    for (const [step, operation] of program.entries()) {
      expect(give(machine, operation), `seed ${seed}, step ${step}`).toBe("");
      expected = theirs(expected, plain(operation));
      expect(seen(machine), `seed ${seed}, step ${step}: ${JSON.stringify(operation)}`).toEqual(expected);
    }
    operations += program.length;
    // Two steps of a number that is not exact are another number than both at once; the package adds them up as well.
    const isExact = !/e[+-]|\.\d{4}|\.[1-9](?!\d)|\d{16}/.test(JSON.stringify([before, program]));
    if (!isExact) {
      machine.free();
      continue;
    }
    compared += 1;
    // What leaves, in fewer operations, does the same to the document on the other side: there it is the package that applies it.
    let remote: object = before;
    for (const operation of written(machine)) remote = theirs(remote, operation);
    expect(remote, `seed ${seed}: what is written`).toEqual(expected);
    machine.free();
  }
  expect(operations).toBeGreaterThan(PROGRAMS * 10);
  expect(compared).toBeGreaterThan(PROGRAMS / 20);
});

const METHODS: Partial<Record<MetadataKind, string>> = { delete: "del" };

test("the package's own manager shows the same after each call", () => {
  for (let seed = 0; seed < PROGRAMS; seed += 1) {
    const random = randomFrom(seed + 1_000_000);
    const before = plain(someDocument(random));
    const machine = start(before);
    const manager = new StandardMetadataManager({});
    manager.runId = "run_1";
    manager.runIdIsRoot = true;
    for (let step = random.below(MOST_OPERATIONS); step > 0; step -= 1) {
      const operation = someOperation(random);
      const { type, key, value } = plain(operation);
      // Afresh: what it keeps shares parts with what it was given, which is not what this is about.
      manager.enterWithMetadata(plain(seen(machine)));
      const given = type === "update" ? [value] : type === "delete" ? [key] : [key, value];
      (manager[METHODS[type] ?? type] as (...given: unknown[]) => void).call(manager, ...given);
      give(machine, operation);
      expect(seen(machine), `seed ${seed}: ${JSON.stringify(operation)}`).toEqual(plain(manager.current()));
    }
    machine.free();
  }
});

test("no more operations leave than of the package", () => {
  for (let seed = 0; seed < PROGRAMS; seed += 1) {
    const random = randomFrom(seed + 2_000_000);
    const machine = start({});
    const queued: Operation[] = [];
    for (const operation of random.list(MOST_OPERATIONS, () => someOperation(random))) {
      const before = seen(machine);
      give(machine, operation);
      if (JSON.stringify(before) !== JSON.stringify(seen(machine))) queued.push(operation);
    }
    // The package sums what is not exact, and drops a null that a path has written, which nothing can follow.
    const same = ({ type, key, value }: Operation) =>
      type === "increment" ? Number.isInteger(value) : type !== "set" || value !== null || !key.startsWith("$.");
    if (queued.every(same)) {
      expect(written(machine).length, `seed ${seed}`).toBeLessThanOrEqual(collapseOperations(queued).length);
    }
    machine.free();
  }
});

/** Where Tidegate and the package are not the same on purpose. Each holds both to what is said. */
function difference(what: { theirs: string; ours: string }, hold: () => void | Promise<void>): void {
  test(`differs: ${what.theirs} Ours: ${what.ours}`, async () => hold());
}

const ours = (document: object, ...operations: Operation[]) => {
  const machine = start(document);
  for (const operation of operations) give(machine, operation);
  const after = seen(machine);
  machine.free();
  return after;
};

difference({ theirs: "* throws where it passes a null.", ours: "goes past it." }, () => {
  const operation = { type: "set", key: "$.a.*.x", value: 1 } as const;
  const document = { a: { p: null, q: {} } };
  expect(() => applyMetadataOperations(document, operation)).toThrow(TypeError);
  expect(ours(document, operation)).toEqual({ a: { p: null, q: { x: 1 } } });
});

difference({ theirs: "A dot in a key that a path reaches is taken for a step.", ours: "is a part of the key." }, () => {
  const operation = { type: "set", key: "$.a.b\\.c", value: 1 } as const;
  expect(plain(applyMetadataOperations({ a: { b: {} } }, operation).newMetadata)).toEqual({ a: { b: { c: 1 } } });
  expect(ours({ a: { b: {} } }, operation)).toEqual({ a: { b: {}, "b.c": 1 } });
});

difference({ theirs: "The length of a list can be set.", ours: "is no place." }, () => {
  const operation = { type: "set", key: "$.a.length", value: 0 } as const;
  expect(applyMetadataOperations({ a: [1, 2] }, operation).newMetadata).toEqual({ a: [] });
  expect(ours({ a: [1, 2] }, operation)).toEqual({ a: [1, 2] });
});

difference({ theirs: "A name that every object inherits counts as there.", ours: "is like any other." }, () => {
  const operation = { type: "append", key: "toString", value: 1 } as const;
  expect(plain(applyMetadataOperations({}, operation).newMetadata)).toEqual({ toString: [null, 1] });
  expect(ours({}, operation)).toEqual({ toString: [1] });
});

difference(
  { theirs: "What * has written to several places stays one and the same value.", ours: "each has its own." },
  () => {
    const first = { type: "set", key: "$.a.*", value: { n: 0 } } as const;
    const second = { type: "set", key: "$.a.p.n", value: 1 } as const;
    const document = { a: { p: 1, q: 1 } };
    expect(applyMetadataOperations(document, plain([first, second])).newMetadata).toEqual({
      a: { p: { n: 1 }, q: { n: 1 } },
    });
    expect(ours(document, first, second)).toEqual({ a: { p: { n: 1 }, q: { n: 0 } } });
  },
);

difference({ theirs: "A slice in a path is a part of a list.", ours: "is a name." }, () => {
  const operation = { type: "set", key: "$.a.[0:1]", value: 9 } as const;
  // Every other time: its pattern remembers where it was.
  const tries = [1, 2].map(() => plain(applyMetadataOperations({ a: [1, 2] }, operation).newMetadata));
  expect(tries).toContainEqual({ a: [9, 2] });
  expect(ours({ a: [1, 2] }, operation)).toEqual({ a: [1, 2] });
});

difference({ theirs: "A date stays a date until the server has answered.", ours: "is a string at once." }, () => {
  const value = new Date(0);
  expect(applyMetadataOperations({}, { type: "set", key: "at", value }).newMetadata).toEqual({ at: value });
  expect(ours({}, { type: "set", key: "at", value })).toEqual({ at: "1970-01-01T00:00:00.000Z" });
});

function manager(client: unknown): Manager {
  const made = new StandardMetadataManager(client);
  made.runId = "run_1";
  made.enterWithMetadata({});
  return made;
}

/** Lets a call that is not awaited finish before the console is given back. */
async function quietly(body: () => Promise<void>): Promise<void> {
  const { error } = console;
  console.error = () => {};
  await body().finally(() => {
    console.error = error;
  });
}

difference({ theirs: "What is queued is gone when it cannot be written.", ours: "is written later." }, () =>
  quietly(async () => {
    const bodies: unknown[] = [];
    const updateRunMetadata = async (_: string, body: unknown) => {
      bodies.push(body);
      throw new Error("down");
    };
    const lost = manager({ updateRunMetadata });
    (lost.append as (...given: unknown[]) => void)("list", 1);
    await lost.flush();
    await lost.flush();
    expect(bodies).toHaveLength(1);

    const machine = start({});
    give(machine, { type: "append", key: "list", value: 1 });
    machine.flush(0);
    expect(machine.poll(0)).toBe(MetadataStep.write);
    const body = machine.second();
    machine.answered(1, 503, 0, true, "");
    expect(machine.poll(1)).toBe(MetadataStep.idle);
    expect(machine.poll(machine.due())).toBe(MetadataStep.write);
    expect(machine.second()).toBe(body);
    machine.free();
  }),
);

difference({ theirs: "The answer undoes what has been done here meanwhile.", ours: "it stays." }, async () => {
  let answer = (_: unknown) => {};
  const updateRunMetadata = () =>
    new Promise((resolve) => {
      answer = resolve;
    });
  const undone = manager({ updateRunMetadata });
  const set = undone.set as (...given: unknown[]) => void;
  set.call(undone, "a", 1);
  const flushed = undone.flush();
  set.call(undone, "b", 2);
  answer({ metadata: { a: 1 } });
  await flushed;
  expect(undone.current()).toEqual({ a: 1 });

  const machine = start({});
  give(machine, { type: "set", key: "a", value: 1 });
  machine.flush(0);
  machine.poll(0);
  give(machine, { type: "set", key: "b", value: 2 });
  machine.answered(1, 200, 0, false, '{"metadata":{"a":1}}');
  expect(seen(machine)).toEqual({ a: 1, b: 2 });
  machine.free();
});

difference(
  {
    theirs: "To take a negative number from what a parent counts takes it positive.",
    ours: "adds it, as on the run itself.",
  },
  async () => {
    const bodies: { parentOperations: unknown }[] = [];
    const updateRunMetadata = async (_: string, body: { parentOperations: unknown }) => {
      bodies.push(body);
      return { metadata: {} };
    };
    const made = manager({ updateRunMetadata });
    made.parent.decrement?.("n", -2);
    await made.flush();
    expect(bodies[0]?.parentOperations).toEqual([{ type: "increment", key: "n", value: -2 }]);

    const run = new FakeRun({ baseURL: "http://127.0.0.1:9", secretKey: "tr_dev_test" });
    const metadata = metadataWith({} as MetadataStreams);
    expect(inRun(run, () => metadata.parent.decrement("n", -2) && metadata.get("n"))).toBe(2);
  },
);
