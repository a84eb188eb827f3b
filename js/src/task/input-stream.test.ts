import { existsSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeRun } from "../testing/fake-run.js";
import { noRejectionsAreLeft } from "../testing/rejections.js";
import { startInputServer } from "../testing/stream-server.js";
import { InputStreamTimeoutError, WaitpointTimeoutError } from "./results.js";
import { inRun } from "./run-context.js";
import { streams } from "./streams.js";

const built = existsSync(new URL("../wasm/generated/task/tidegate.js", import.meta.url));
if (!built) console.warn("input-stream.test.ts is skipped: the core has not been built (make build)");

const input = streams.input<unknown>({ id: "approval" });

describe.skipIf(!built)("an input stream inside of a task", () => {
  let server: Awaited<ReturnType<typeof startInputServer>>;
  let run: FakeRun;
  const log = () => server.log("approval");
  const inside = <Result>(call: () => Result) => inRun(run, call);
  const restart = () => {
    run = new FakeRun({ baseURL: server.baseURL, secretKey: "tr_dev_test" });
  };

  noRejectionsAreLeft();
  beforeEach(async () => {
    server = await startInputServer();
    restart();
  });
  afterEach(async () => {
    await run.end();
    await server.stop();
    vi.restoreAllMocks();
  });

  /** Resolves with what the handler is called with, so many times. */
  const listen = (count: number) => {
    const heard: unknown[] = [];
    let done: (heard: unknown[]) => void;
    const all = new Promise<unknown[]>((resolve) => {
      done = resolve;
    });
    const { off } = inside(() =>
      input.on((data) => {
        heard.push(data);
        if (heard.length === count) done(heard);
      }),
    );
    return { heard, all, off };
  };

  it("delivers what was sent before anybody listened, and what comes", async () => {
    log().send({ approved: true }, "text", null, undefined);
    const listener = listen(5);
    await log().connected(1);
    log().send(5);
    expect(await listener.all).toEqual([{ approved: true }, "text", null, undefined, 5]);
    expect(server.requests[0]?.headers).toMatchObject({
      authorization: "Bearer tr_dev_test",
      "timeout-seconds": "600",
    });
  });

  it("gives each record to one of the line, and to every handler", async () => {
    const [first, second] = inside(() => [input.once(), input.once()]);
    const [one, other] = [listen(3), listen(3)];
    log().send("a", "b", "c");
    expect(await Promise.all([first?.unwrap(), second?.unwrap()])).toEqual(["a", "b"]);
    expect(await one.all).toEqual(["a", "b", "c"]);
    expect(await other.all).toEqual(["a", "b", "c"]);
    expect(log().openedBehind).toEqual([undefined]);
  });

  it("a loop beside a handler gets all that comes at once", async () => {
    const listener = listen(4);
    const loop = inside(async () => {
      const taken: unknown[] = [];
      for (let count = 0; count < 3; count += 1) taken.push(await input.once().unwrap());
      return taken;
    });
    await log().connected(1);
    log().send("a", "b", "c", "d");
    expect(await loop).toEqual(["a", "b", "c"]);
    expect(await listener.all).toEqual(["a", "b", "c", "d"]);
  });

  it("keeps what nobody has taken over a wait, and lets the task sleep only then", async () => {
    log().send("a", "b", "c");
    expect(await inside(() => input.once())).toEqual({ ok: true, output: "a" });
    await vi.waitFor(() => expect(inside(() => input.peek())).toBe("b"));
    expect(await inside(() => input.wait())).toEqual({ ok: true, output: "b" });
    expect(await inside(() => input.wait().unwrap())).toBe("c");
    expect(run.waits).toEqual([]);
    run.onWait = async () => ({ ok: true, data: '{"d":1}', seqNum: 3 });
    expect(await inside(() => input.wait({ timeout: "7d", tags: ["x"] }))).toEqual({ ok: true, output: { d: 1 } });
    const asked = { idempotencyKey: undefined, idempotencyKeyTTL: undefined };
    expect(run.waits).toEqual([{ streamId: "approval", timeout: "7d", tags: ["x"], lastSeqNum: 2, ...asked }]);
    await log().connected(0);
  });

  it.each(["", "soon", "1 second", "0.5s", 5])("refuses to wait for a time that nobody can read: %s", async (given) => {
    const timeout = given as string;
    const refused = { code: "invalid-options", message: expect.stringContaining("timeout is none that can be read") };
    await expect(inside(() => input.wait({ timeout }))).rejects.toMatchObject(refused);
    const awakeFirst = { idleTimeoutInSeconds: 5, timeout };
    await expect(inside(() => input.waitWithIdleTimeout(awakeFirst))).rejects.toMatchObject(refused);
    expect([run.waits, server.requests]).toEqual([[], []]);
  });

  it("goes on behind the record that a wait has brought", async () => {
    run.onWait = async () => ({ ok: true, data: '"c"', seqNum: 2 });
    log().send("a", "b", "c", "d");
    expect(await inside(() => input.wait().unwrap())).toBe("c");
    expect(await listen(3).all).toEqual(["a", "b", "d"]);
  });

  it("counts what is not ours", async () => {
    log().control();
    log().send("a");
    log().control();
    expect(await inside(() => input.once().unwrap())).toBe("a");
    void inside(() => input.wait());
    await vi.waitFor(() => expect(run.waits).toMatchObject([{ lastSeqNum: 1 }]));
  });

  it("asks again where a wait is answered with what has been taken, as after a restart", async () => {
    log().send("a", "b");
    const once = inside(() => input.once());
    await vi.waitFor(() => expect(inside(() => input.peek())).toBe("b"));
    expect([await once.unwrap(), await inside(() => input.wait().unwrap())]).toEqual(["a", "b"]);
    const answers = [
      { ok: true, data: '"b"', seqNum: 1 },
      { ok: true, data: '"c"', seqNum: 2 },
    ] as const;
    let asked = 0;
    run.onWait = async () => answers[asked++] as (typeof answers)[0];
    expect(await inside(() => input.wait().unwrap())).toBe("c");
    expect(run.waits.map(({ lastSeqNum }) => lastSeqNum)).toEqual([1, 1]);

    run.onWait = async () => answers[0];
    await expect(inside(() => input.wait())).rejects.toMatchObject({ code: "protocol" });
    const keyed = inside(() => input.wait({ idempotencyKey: "k" }));
    expect(await keyed.unwrap()).toBe("b");
  });

  it("keeps for the waits of this life what waits of an earlier one have ended with", async () => {
    log().send("a", "b", "c", "d");
    run.past = [2];
    const listener = listen(3);
    expect(await listener.all).toEqual(["a", "b", "d"]);
    run.onWait = async () => ({ ok: true, data: '"c"', seqNum: 2 });
    expect(await inside(() => input.wait().unwrap())).toBe("c");
    expect(run.waits).toMatchObject([{ lastSeqNum: 1 }]);
  });

  it("finds an answer without a number in the log, and takes it once", async () => {
    log().send("a", "b", "c");
    run.onWait = async () => ({ ok: true, data: '"b"', seqNum: undefined });
    expect(await inside(() => input.wait().unwrap())).toBe("b");
    expect(await listen(2).all).toEqual(["a", "c"]);
  });

  it("stops looking for an answer that is not in the log", async () => {
    log().send("a");
    const answers = [
      { ok: true, data: '"by hand"', seqNum: undefined } as const,
      { ok: false, message: "Late" } as const,
    ];
    run.onWait = async () => answers.shift() ?? { ok: false, message: "Later" };
    expect(await inside(() => input.wait().unwrap())).toBe("by hand");
    expect(await inside(() => input.wait().unwrap())).toBe("a");
    const late = await inside(() => input.wait());
    expect(late).toMatchObject({ ok: false, error: { message: "Late" } });
    expect(run.waits[1]?.lastSeqNum).toBe(0);
  });

  it("a wait times out with the server's words, and rejects where the run is cancelled", async () => {
    run.onWait = async () => ({ ok: false, message: "Waitpoint timed out" });
    const result = await inside(() => input.wait({ timeout: "1s" }));
    expect(result.ok || result.error).toBeInstanceOf(WaitpointTimeoutError);
    await expect(inside(() => input.wait().unwrap())).rejects.toThrow("Waitpoint timed out");
    run.onWait = async () => {
      throw new Error("cancelled");
    };
    await expect(inside(() => input.wait())).rejects.toThrow("cancelled");
  });

  it("once gives up in time or when it is told, and takes nothing", async () => {
    const controller = new AbortController();
    const late = await inside(() => input.once({ timeoutMs: 5 }));
    expect(late).toEqual({ ok: false, error: new InputStreamTimeoutError("approval", 5) });
    await expect(inside(() => input.once({ timeoutMs: 1 }).unwrap())).rejects.toBeInstanceOf(InputStreamTimeoutError);
    const waiting = inside(() => input.once({ signal: controller.signal }));
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: "aborted" });
    log().send("a");
    await vi.waitFor(() => expect(inside(() => input.peek())).toBe("a"));
    await expect(inside(() => input.once({ signal: controller.signal }))).rejects.toMatchObject({ code: "aborted" });
    inside(() => input.once({ signal: controller.signal })); // Nobody looks at it.
    expect(await inside(() => input.once().unwrap())).toBe("a");
    await expect(inside(() => input.once({ timeoutMs: -1 }))).rejects.toMatchObject({ code: "invalid-options" });
  });

  it("the last handler that goes closes the connection, and what is not taken stays", async () => {
    log().send("a", "b");
    const heard: unknown[] = [];
    const subscription = inside(() =>
      input.on((data) => {
        heard.push(data);
        subscription.off();
      }),
    );
    await vi.waitFor(() => expect(heard).toEqual(["a"]));
    await log().connected(0);
    log().send("c");
    expect(await listen(2).all).toEqual(["b", "c"]);
    expect(log().openedBehind).toHaveLength(2);
  });

  it("a connection that ends or breaks loses nothing", async () => {
    const listener = listen(8);
    for (const how of ["destroy", "end"] as const) {
      await log().connected(1);
      log().send("before", "before");
      log().cut(how);
      log().send("between");
      await log().connected(1);
      log().send("after");
    }
    const all = ["before", "before", "between", "after"];
    expect(await listener.all).toEqual([...all, ...all]);
  }, 20_000);

  it("tells of a handler that fails, and goes on", async () => {
    const told = vi.spyOn(console, "error").mockImplementation(() => {});
    inside(() => {
      input.on(() => {
        throw new Error("sync");
      });
      input.on(async () => {
        throw new Error("async");
      });
    });
    const listener = listen(2);
    log().send("a", "b");
    await listener.all;
    await vi.waitFor(() => expect(told).toHaveBeenCalledTimes(4));
    expect(told.mock.calls.map(([words]) => words)).toContain(
      'Tidegate: run run_1: A handler of the input stream "approval" failed:',
    );
  });

  it("tells whoever asks for it what a handler came to, and of which record", async () => {
    const told = vi.spyOn(console, "error").mockImplementation(() => {});
    const failed: unknown[] = [];
    inside(() => {
      const onError = (error: unknown, data: unknown) => void failed.push([(error as Error).message, data]);
      input.on(() => Promise.reject(new Error("async")), { onError });
      input.on(
        () => {
          throw new Error("sync");
        },
        { onError },
      );
    });
    log().send("a");
    await vi.waitFor(() => expect(failed).toHaveLength(2));
    expect(failed).toEqual(
      expect.arrayContaining([
        ["sync", "a"],
        ["async", "a"],
      ]),
    );
    expect(told).not.toHaveBeenCalled();
    inside(() =>
      input.on(() => Promise.reject(new Error("first")), {
        onError: () => {
          throw new Error("second");
        },
      }),
    );
    log().send("b");
    await vi.waitFor(() => expect(told).toHaveBeenCalledOnce());
    expect(told.mock.calls[0]?.[1]).toMatchObject({ message: "second" });
  });

  it("lets a handler end itself by a signal, also before on has returned", async () => {
    log().send("a", "b", "c");
    await inside(() => input.once().unwrap());
    await vi.waitFor(() => expect(inside(() => input.peek())).toBe("b"));
    const controller = new AbortController();
    const heard: unknown[] = [];
    const hear = (data: unknown) => {
      heard.push(data);
      controller.abort();
    };
    inside(() => input.on(hear, { signal: controller.signal }));
    expect(heard).toEqual(["b"]);
    expect(await inside(() => input.once().unwrap())).toBe("c");
    inside(() => input.on(hear, { signal: controller.signal }));
    log().send("d");
    expect(await inside(() => input.once().unwrap())).toBe("d");
    expect(heard).toEqual(["b"]);
  });

  it("calls handlers inside of the run, whoever reads", async () => {
    const reply = streams.input<unknown>({ id: "reply" });
    const heard = new Promise((resolve) => inside(() => input.on(() => resolve(reply.once()))));
    log().send("a");
    server.log("reply").send("b");
    expect(await heard).toEqual({ ok: true, output: "b" });
  });

  it("asks again after a refusal, and says so", async () => {
    const told = vi.spyOn(console, "error").mockImplementation(() => {});
    server.refusals.push(401);
    log().send("a");
    expect(await inside(() => input.once().unwrap())).toBe("a");
    expect(told).toHaveBeenCalledOnce();
    expect(JSON.stringify(told.mock.calls)).not.toContain("tr_dev_test");
  });

  it("leaves the log unread while too much waits", async () => {
    const large = "x".repeat(700_000);
    expect(await Promise.all([inside(() => input.once().unwrap()), log().send("first")])).toEqual(["first", undefined]);
    for (let n = 0; n < 40; n += 1) log().send(`${n}${large}`);
    const [connection] = log().connections;
    await vi.waitFor(() => expect(inside(() => input.peek())).toBeDefined());
    const unsent = () => connection?.response.writableLength ?? 0;
    await vi.waitFor(() => expect(unsent()).toBeGreaterThan(0));
    for (let turn = 0; turn < 1_000; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(unsent()).toBeGreaterThan(10_000_000);
    for (let n = 0; n < 40; n += 1) {
      const output = (await inside(() => input.once().unwrap())) as string;
      expect(output.slice(0, 3)).toBe(`${n}${large}`.slice(0, 3));
    }
    expect(unsent()).toBe(0);
  }, 20_000);

  it("waits awake first, then asleep", async () => {
    const told: string[] = [];
    const hooks = { onSuspend: () => void told.push("suspend"), onResume: async () => void told.push("resume") };
    log().send("a");
    const awake = inside(() => input.waitWithIdleTimeout({ idleTimeoutInSeconds: 60, ...hooks }));
    expect(await awake).toEqual({ ok: true, output: "a" });
    expect(told).toEqual([]);
    run.onWait = async () => ({ ok: true, data: '"b"', seqNum: 1 });
    const asleep = inside(() => input.waitWithIdleTimeout({ idleTimeoutInSeconds: 0.001, timeout: "1h", ...hooks }));
    expect(await asleep.unwrap()).toBe("b");
    expect(told).toEqual(["suspend", "resume"]);
    expect(run.waits).toMatchObject([{ timeout: "1h", lastSeqNum: 0 }]);
    const never = await inside(() => input.waitWithIdleTimeout({ idleTimeoutInSeconds: 0, skipSuspend: true }));
    expect(never).toMatchObject({ ok: false, error: { message: "Idle timeout elapsed and skipSuspend is set" } });
  });

  it("the end of the run ends everything", async () => {
    const once = inside(() => input.once());
    inside(() => input.on(() => {}));
    await log().connected(1);
    await run.end();
    await log().connected(0);
    await expect(once).rejects.toMatchObject({ code: "aborted" });
    await expect(inside(() => input.once())).rejects.toMatchObject({ code: "aborted" });
    expect(inside(() => input.peek())).toBeUndefined();

    restart();
    await run.end();
    const requests = server.requests.length;
    inside(() => input.on(() => {}));
    await expect(inside(() => input.once())).rejects.toMatchObject({ code: "aborted" });
    expect(server.requests, "who comes for the first time when it is over").toHaveLength(requests);

    restart();
    const asleep = inside(() => input.wait());
    run.cancel(new Error("by a person"));
    await expect(asleep).rejects.toMatchObject({ code: "aborted", cause: { message: "by a person" } });
  });
});

describe("an input stream outside of a task", () => {
  it("says what to do instead of waiting for ever", async () => {
    for (const call of [
      () => input.once(),
      () => input.wait(),
      () => input.waitWithIdleTimeout({ idleTimeoutInSeconds: 1 }),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: "invalid-options",
        message: expect.stringMatching(/inside of a task/),
      });
      await expect(call().unwrap()).rejects.toMatchObject({ code: "invalid-options" });
    }
    expect(input.peek()).toBeUndefined();
    expect(() => input.on(() => {}).off()).not.toThrow();
    expect(() => streams.input({ id: "" })).toThrow(/id/);
  });
});
