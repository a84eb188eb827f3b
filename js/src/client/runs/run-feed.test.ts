import { expect, test, vi } from "vitest";
import type { RunsListener } from "./follow-runs.js";
import type { RealtimeRun } from "./run.js";
import { RunFeed } from "./run-feed.js";

const run = (id: string, step = 0, finishedAt?: Date) =>
  ({ id, durationMs: step, finishedAt, columns: {} }) as RealtimeRun;

function harness(loads?: boolean) {
  let listener: RunsListener | undefined;
  const unfollow = vi.fn();
  const feed = new RunFeed((given) => {
    listener = given;
    return unfollow;
  }, loads);
  return { feed, unfollow, listener: listener as RunsListener };
}

test("a loop gets each change, and ends with the feed", async () => {
  const { feed, listener } = harness();
  const steps: number[] = [];
  const loop = (async () => {
    for await (const { durationMs } of feed) steps.push(durationMs);
  })();
  for (const step of [1, 2]) {
    listener.runs([run("a", step)], [run("a", step)]);
    await vi.waitFor(() => expect(steps).toContain(step));
  }
  listener.changed({ status: "ended", attempt: 0, endReason: "run-finished" });
  await loop;
  expect(steps).toEqual([1, 2]);
  expect([feed.status, feed.endReason]).toEqual(["ended", "run-finished"]);
});

test("a slow loop gets the newest state of each run, and the last one always", async () => {
  const { feed, listener } = harness();
  listener.runs([run("a", 1), run("b", 1)], [run("a", 1), run("b", 1)]);
  listener.runs([run("a", 2), run("b", 1)], [run("a", 2)]);
  listener.runs([run("a", 3), run("b", 1)], [run("a", 3)]);
  listener.changed({ status: "ended", attempt: 0 });
  const got: [string, number][] = [];
  for await (const { id, durationMs } of feed) got.push([id, durationMs]);
  expect(got).toEqual([
    ["a", 3],
    ["b", 1],
  ]);
  expect(feed.runs.map(({ durationMs }) => durationMs)).toEqual([3, 1]);
});

test("leaving the loop stops following", async () => {
  const { feed, listener, unfollow } = harness();
  listener.runs([run("a")], [run("a")]);
  for await (const _ of feed) break;
  expect(unfollow).toHaveBeenCalled();
  expect([feed.status, feed.endReason]).toEqual(["ended", "stopped"]);
});

test("a failure is thrown, after what came before it", async () => {
  const { feed, listener, unfollow } = harness();
  const error = new Error("refused");
  listener.runs([run("a")], [run("a")]);
  listener.changed({ status: "failed", attempt: 0, error: error as never });
  expect((await feed.next()).value.id).toBe("a");
  await expect(feed.next()).rejects.toBe(error);
  expect(unfollow).toHaveBeenCalled();
});

test("several may wait at once", async () => {
  const { feed, listener } = harness();
  const [first, second, third] = [feed.next(), feed.next(), feed.next()];
  listener.runs([run("a"), run("b")], [run("a"), run("b")]);
  listener.changed({ status: "ended", attempt: 0 });
  expect([(await first).value.id, (await second).value.id, (await third).done]).toEqual(["a", "b", true]);
});

test("the finished run is awaited without a loop", async () => {
  const { feed, listener, unfollow } = harness();
  const finished = feed.finished();
  listener.runs([run("a", 1)], [run("a", 1)]);
  const last = run("a", 2, new Date());
  listener.runs([last], [last]);
  expect(await finished).toBe(last);
  expect(unfollow).toHaveBeenCalled();
});

test("a finished run is awaited with its output, or until it is known that there will be none", async () => {
  const without = { ...run("a", 1, new Date()), columns: { outputType: "application/store" } };
  const withOutput = { ...without, output: 1 };
  const one = harness();
  const finished = one.feed.finished();
  one.listener.runs([without], [without]);
  one.listener.runs([withOutput], [withOutput]);
  expect(await finished).toBe(withOutput);
  const other = harness();
  const failed = other.feed.finished();
  other.listener.runs([without], [without]);
  other.listener.changed({ status: "ended", attempt: 0, endReason: "run-finished" });
  expect(await failed).toBe(without);
  const onDemand = harness(false);
  const atOnce = onDemand.feed.finished();
  onDemand.listener.runs([without], [without]);
  expect(await atOnce).toBe(without);
});

test("a feed that is closed before its run has finished has no finished run", async () => {
  const { feed, listener } = harness();
  const finished = feed.finished();
  listener.runs([run("a")], [run("a")]);
  feed.close();
  await expect(finished).rejects.toMatchObject({ code: "aborted", outcome: "cancelled" });
});
