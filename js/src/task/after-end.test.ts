import { existsSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { logForEach } from "../testing/log-test.js";
import { metadata } from "./metadata-of-run.js";
import { streams } from "./streams.js";

const built = existsSync(new URL("../wasm/generated/task/tidegate.js", import.meta.url));
if (!built) console.warn("after-end.test.ts is skipped: the core has not been built (make build)");

const refusal = { code: "invalid-options", message: expect.stringMatching(/^The run has ended/) };

describe.skipIf(!built)("when a run has ended", () => {
  const log = logForEach();
  const { inside } = log;
  const refused = (call: () => unknown) => expect(inside(async () => call())).rejects.toMatchObject(refusal);

  describe.each([
    ["for the first time", false],
    ["as before", true],
  ])("%s", (_, before) => {
    beforeEach(async () => {
      if (before) {
        await inside(() => streams.append("before"));
        inside(() => metadata.get("a"));
        await inside(async () => (await streams.read("run_1")).close());
      }
      await log.run.end();
      log.server.requests.length = 0;
    });
    afterEach(() => expect(log.server.requests).toEqual([]));

    it("its metadata are neither changed nor asked for", async () => {
      await refused(() => metadata.set("a", 1));
      await refused(() => metadata.flush());
      await refused(() => metadata.refresh());
      expect(inside(() => metadata.get("a"))).toBeUndefined();
    });

    it("it reads no stream", async () => {
      await refused(() => streams.read("run_2"));
      await refused(() => metadata.fetchStream("steps"));
    });

    it("it writes to no stream", async () => {
      await refused(() => streams.append("late"));
      await refused(() => streams.pipe(["late"]));
      await refused(() => streams.writer({ execute: ({ write }) => write("late") }));
    });
  });

  it("what has been written while other things finished is there", async () => {
    await inside(() => streams.append("early"));
    inside(() => log.run.atEnd(async () => void streams.append("last")));
    await inside(() => log.run.end());
    expect(log.server.dataOf("default")).toEqual(["early", "last"]);
  });

  it("what there was no time to finish goes on no longer", async () => {
    inside(() => streams.pipe(new ReadableStream()));
    const time = new AbortController();
    const end = inside(() => log.run.end(time.signal));
    time.abort();
    await expect(end).rejects.toThrow("a stream was still being written");
    await refused(() => streams.append("late"));
  });
});
