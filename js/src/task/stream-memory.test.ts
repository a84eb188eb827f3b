import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it, vi } from "vitest";
import { logForEach } from "../testing/log-test.js";
import { streams } from "./streams.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const PARTS = 50;

const log = logForEach();

it("a pipe without an end keeps nothing of what it has written", async () => {
  const parts: WeakRef<object>[] = [];
  let close = () => {};
  const closed = new Promise<void>((resolve) => {
    close = resolve;
  });
  const source = async function* () {
    for (let n = 0; n < PARTS; n += 1) {
      const part = { n };
      parts.push(new WeakRef(part));
      yield part;
    }
    await closed;
  };
  const { stream, waitUntilComplete } = log.inside(() => streams.pipe(source()));
  // What nobody reads is kept for whoever comes, up to a few megabytes.
  await stream.cancel();
  await vi.waitFor(() => expect(log.server.dataOf("default")).toHaveLength(PARTS));
  await vi.waitFor(() => {
    collect();
    // A frame may still hold the last one or two.
    expect(parts.filter((part) => part.deref()).length).toBeLessThan(5);
  });
  close();
  await waitUntilComplete();
});
