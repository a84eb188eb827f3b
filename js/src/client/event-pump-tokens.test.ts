import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { settle } from "../testing/fake-engine.js";
import { pumpHarness } from "../testing/pump-harness.js";
import { fakeJwt } from "../testing/tokens.js";

let harness: ReturnType<typeof pumpHarness>;

beforeEach(() => {
  harness = pumpHarness();
  vi.spyOn(console, "warn").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("tokens", () => {
  const ask = async (provide: () => unknown) => {
    const { principal } = harness.send(provide as () => string);
    await settle();
    harness.loader.engine.emit({ type: "token-needed", principal: 1 });
    return principal;
  };

  it("asks a function when the engine needs a token, and says that it can", async () => {
    await ask(() => Promise.resolve("fresh"));
    await settle();
    expect(harness.loader.engine.of("openPrincipal")).toEqual([["https://api.example.com", undefined, true, false]]);
    expect(harness.loader.engine.of("setToken")).toEqual([[1, "fresh"]]);
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("no session");
      },
      "failed: no session",
    ],
    ["rejects", () => Promise.reject(new Error("HTTP 500")), "failed: HTTP 500"],
    ["rejects with no Error", () => Promise.reject("gone"), "failed: gone"],
    ["returns undefined", () => undefined, "returned undefined"],
    ["returns an object", () => ({ token: "x" }), "returned object"],
    ["returns an empty string", () => "", "returned an empty string"],
  ])("says why when the function %s", async (_, provide, words) => {
    await ask(provide);
    await settle();
    const [[id, message]] = harness.loader.engine.of("failToken") as [[number, string]];
    expect(id).toBe(1);
    expect(message).toContain("accessToken function");
    expect(message).toContain(words);
  });

  it("never repeats a token that the application's error quotes", async () => {
    await ask(() => {
      throw new Error("GET /me with eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJlbnYifQ.c2ln failed");
    });
    await settle();
    expect(harness.loader.engine.of("failToken")[0]?.[1]).toBe(
      "The accessToken function failed: GET /me with <token> failed.",
    );
  });

  it("tells the developer of a function that fails, in its own words: once, and again after it has worked", async () => {
    const warned = vi.spyOn(console, "warn").mockImplementation(() => {});
    const outcomes = ["down", "down", undefined, "down again with tr_prod_1234"];
    const provide = () => {
      const words = outcomes.shift();
      if (words) throw new Error(words);
      return "token";
    };
    await ask(provide);
    for (let n = 0; n < 3; n += 1) {
      await settle();
      harness.loader.engine.emit({ type: "token-needed", principal: 1 });
    }
    await settle();
    expect(warned.mock.calls).toEqual([
      [expect.stringMatching(/^Tidegate: The accessToken function failed: down\. /)],
      [expect.stringMatching(/failed: down again with <token>\. /)],
    ]);
    expect(outcomes).toEqual([]);
  });

  it("tells the developer once of a secret key in a browser, and never repeats it", async () => {
    const warned = vi.spyOn(console, "warn").mockImplementation(() => {});
    harness.send("tr_dev_on_a_server");
    vi.stubGlobal("window", globalThis);
    harness.send(fakeJwt({}));
    expect(warned).not.toHaveBeenCalled();
    harness = pumpHarness();
    await ask(() => "tr_dev_one");
    await settle();
    for (const key of ["tr_prod_two", "tr_stg_sk_three", "tr_preview_four"]) harness.send(key);
    vi.unstubAllGlobals();
    expect(warned.mock.calls).toEqual([[expect.stringMatching(/secret key.*server.*public access token/)]]);
    expect(String(warned.mock.calls)).not.toMatch(/tr_|three/);
  });

  it("tells who has to know before the engine gets a token", async () => {
    const principal = await ask(() => "fresh");
    const given = () => harness.loader.engine.of("setToken").length;
    const before: number[] = [];
    principal.beforeToken.add(() => before.push(given()));
    await settle();
    harness.pump.setToken(principal, "a string");
    expect([before, given()]).toEqual([[0, 1], 2]);
  });

  it("asks once while an answer is pending", async () => {
    const provide = vi.fn(() => new Promise<string>(() => {}));
    await ask(provide);
    harness.loader.engine.emit({ type: "token-needed", principal: 1 });
    await settle();
    expect(provide).toHaveBeenCalledTimes(1);
  });

  it("prefers a token that was set meanwhile to the answer that comes later", async () => {
    let answer = (_: string) => {};
    const principal = await ask(
      () =>
        new Promise<string>((resolve) => {
          answer = resolve;
        }),
    );
    await settle();
    harness.pump.setToken(principal, "by hand");
    answer("too late");
    await settle();
    expect(harness.loader.engine.of("setToken")).toEqual([[1, "by hand"]]);
    expect(harness.loader.engine.of("setRenewable")).toEqual([[1, false]]);
  });

  describe("with a clock", () => {
    beforeEach(() => vi.useFakeTimers());
    afterEach(() => vi.useRealTimers());

    it("gives up a function that does not settle after ten seconds, and asks again when told to", async () => {
      let answer = (_: string) => {};
      const provide = vi.fn(
        () =>
          new Promise<string>((resolve) => {
            answer = resolve;
          }),
      );
      await ask(provide);
      await vi.advanceTimersByTimeAsync(9_999);
      expect(harness.loader.engine.of("failToken")).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      expect(harness.loader.engine.of("failToken")).toEqual([
        [1, "The accessToken function did not answer within 10 seconds."],
      ]);
      answer("too late");
      await settle();
      expect(harness.loader.engine.of("setToken")).toEqual([]);
      harness.loader.engine.emit({ type: "token-needed", principal: 1 });
      await settle();
      expect(provide).toHaveBeenCalledTimes(2);
      answer("in time");
      await settle();
      expect(harness.loader.engine.of("setToken")).toEqual([[1, "in time"]]);
      expect(vi.getTimerCount()).toBe(0);
    });
  });
});
