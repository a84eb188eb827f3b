import { describe, expect, it, vi } from "vitest";
import { type Mishap, startLogServer } from "../testing/log-server.js";
import { logForEach, runAt, upTo } from "../testing/log-test.js";
import { inRun } from "./run-context.js";
import { streams } from "./streams.js";

// Patience takes no time here: a pause lets others have their turn.
vi.mock(import("../server/pause.js"), async (original) => ({
  ...(await original()),
  pause: () => new Promise((resolve) => setImmediate(resolve)),
}));

const fetchOf = fetch;
const steps = streams.define<number>({ id: "steps" });
const mishaps: Mishap[] = ["lose the answer", "lose the request", "delay the request", "come second", 503, 429];

const log = logForEach({ s2: true });
const { inside } = log;
const ours = () => log.server.dataOf("steps").filter((data) => data !== "theirs");
const writes = () => log.server.requests.filter(({ path }) => path.startsWith("/s2/"));

/** A generator of numbers below a bound. */
function dice(seed: number) {
  let state = seed;
  return (bound: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

/** Numbers in turn, in heaps of up to ten. */
async function* heaps(to: number, roll: (bound: number) => number) {
  for (let n = 0; n < to; n += 1) {
    yield n;
    if (roll(10) === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("appends at S2", () => {
  describe.each(mishaps)("%s", (mishap) => {
    it.each(upTo(5))("at write %i", async (place) => {
      log.server.mishaps.push(...upTo(place).map(() => undefined), mishap);
      for (const n of upTo(5)) {
        const before = log.server.log("/runs/run_1/steps").length;
        const { lastEventId } = await inside(() => steps.pipe([2 * n, 2 * n + 1])).waitUntilComplete();
        expect(log.server.dataOf("steps")[Number(lastEventId)]).toBe(2 * n + 1);
        expect(Number(lastEventId)).toBeGreaterThan(before);
      }
      expect(ours()).toEqual(upTo(10));
      expect(log.server.mishaps).toEqual([]);
    });
  });

  it.each(upTo(60))("arrive once and in order, whatever is cut: seed %i", async (seed) => {
    const roll = dice(seed);
    // No more in a row than a writer has the patience for.
    const day = upTo(40).flatMap(() => [
      mishaps[roll(mishaps.length)],
      roll(2) ? mishaps[roll(4)] : undefined,
      undefined,
    ]);
    log.server.mishaps.push(...day);
    log.server.lostReads.push(...upTo(40).map(() => roll(3) === 0));
    const { lastEventId } = await inside(() => steps.pipe(heaps(200, roll))).waitUntilComplete();
    expect(ours()).toEqual(upTo(200));
    expect(log.server.dataOf("steps")[Number(lastEventId)]).toBe(199);
  });

  it("are made again where the word that others came first cannot be read", async () => {
    log.server.mishaps.push(412);
    await inside(() => steps.append(0));
    await inside(() => steps.append(1));
    expect(ours()).toEqual([0, 1]);
  });

  it("tells each writer its own place", async () => {
    log.server.mishaps.push("come second", "lose the answer", "delay the request");
    const places = await Promise.all(
      upTo(20).map((n) =>
        inside(() => steps.pipe([n]))
          .waitUntilComplete()
          .then(({ lastEventId }) => Number(lastEventId)),
      ),
    );
    expect(places.map((place) => log.server.dataOf("steps")[place])).toEqual(upTo(20));
  });

  it("leave together when they come while others are on their way", async () => {
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    log.server.hooks.beforeAnswer = () => gate;
    const first = inside(() => steps.append(0));
    await vi.waitFor(() => expect(writes()).toHaveLength(1));
    const rest = upTo(2_500)
      .slice(1)
      .map((n) => inside(() => steps.append(n)));
    open();
    await Promise.all([first, ...rest]);
    expect(ours()).toEqual(upTo(2_500));
    expect(writes().map(({ body }) => JSON.parse(body).records.length)).toEqual([1, 1_000, 1_000, 499]);
  });

  it("go on with another token where one has run out and the answer before was lost", async () => {
    await inside(() => steps.append(0));
    log.server.mishaps.push("lose the answer");
    let count = 0;
    log.server.hooks.beforeWrite = () => {
      count += 1;
      if (count === 2) log.server.revoke();
    };
    await inside(() => steps.append(1));
    await inside(() => steps.append(2));
    expect(ours()).toEqual(upTo(3));
    expect(log.server.requests.filter(({ method }) => method === "PUT")).toHaveLength(2);
  });

  it.each([400, 403, 503])("that S2 does not take (%i) are told in words about S2", async (status) => {
    await inside(() => steps.append(0));
    log.server.mishaps.push(...upTo(20).map(() => status));
    const failed = inside(() => steps.append(1));
    await expect(failed).rejects.toMatchObject({ status, outcome: status === 503 ? "unknown" : "rejected" });
    const { message } = await failed.catch((error) => error);
    expect(message).toContain(`S2 at ${log.server.baseURL} does not take`);
    expect(message).not.toMatch(/TRIGGER_|s2-token/);
  });

  it("go to an endpoint that is written in whichever way", async () => {
    const asked = vi.spyOn(globalThis, "fetch");
    const ways: [string, string][] = [
      ["http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1"],
      ["http://127.0.0.1:9", "http://127.0.0.1:9/v1"],
      ["http://127.0.0.1:9/", "http://127.0.0.1:9/v1"],
      ["http://127.0.0.1:9/{basin}/", "http://127.0.0.1:9/basin"],
      ["{basin}.invalid", "https://basin.invalid/v1"],
    ];
    for (const [endpoint, address] of ways) {
      const elsewhere = await startLogServer({ s2: true, endpoint: () => endpoint });
      asked.mockClear();
      asked.mockImplementation(async (url, init) => {
        if (String(url).startsWith(elsewhere.baseURL)) return fetchOf(url, init);
        throw new TypeError("fetch failed");
      });
      await expect(inRun(runAt(elsewhere), () => steps.append(1))).rejects.toThrow(
        `S2 does not answer at ${new URL(address).origin}`,
      );
      expect(asked.mock.calls[1]?.[0]).toBe(`${address}/streams/%2Fruns%2Frun_1%2Fsteps/records`);
      await elsewhere.stop();
    }
    asked.mockRestore();
  });
});

describe("a log at S2", () => {
  it("shares a log with others, and doubles nothing of its own", async () => {
    const name = "/runs/run_1/steps";
    log.server.log(name).push({ data: "theirs", id: "t0" });
    await inside(() => steps.append(1));
    // Others write, as much as was lost, so that the length of the log says nothing.
    log.server.mishaps.push("lose the request");
    let writes = 0;
    log.server.hooks.beforeWrite = () => {
      writes += 1;
      if (writes === 2) log.server.log(name).push({ data: "theirs", id: "t1" });
    };
    await inside(() => steps.append(2));
    log.server.mishaps.push("lose the answer");
    writes = 0;
    log.server.hooks.beforeWrite = () => {
      writes += 1;
      if (writes === 2) log.server.log(name).push({ data: "theirs", id: "t2" });
    };
    const { waitUntilComplete } = inside(() => steps.pipe([3]));
    expect(await waitUntilComplete()).toEqual({ lastEventId: "4" });
    await inside(() => steps.append(4));
    expect(log.server.dataOf("steps")).toEqual(["theirs", 1, "theirs", 2, 3, "theirs", 4]);
  });

  it("asks for another token when the one it was lent has run out", async () => {
    await inside(() => steps.append(1));
    log.server.revoke();
    await inside(() => steps.append(2));
    expect(log.server.dataOf("steps")).toEqual([1, 2]);
    const { headers, body } = log.server.requests.find(({ path }) => path.startsWith("/s2/")) ?? {};
    expect(headers).toMatchObject({ "s2-format": "raw", "s2-basin": "basin", authorization: "Bearer s2-token-1" });
    expect(JSON.parse(body ?? "")).toEqual({
      records: [{ body: expect.stringMatching(/^\{"data":1,"id":"[0-9a-f-]+"\}$/) }],
      match_seq_num: 0,
    });
  });
});
