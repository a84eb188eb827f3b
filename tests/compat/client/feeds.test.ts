// The official client follows runs on our development server, in both dialects of its feeds.
import { ApiClient } from "@trigger.dev/core/v3";
import { configure, runs, tasks } from "@trigger.dev/sdk";
import { beforeEach, describe, expect, inject, test } from "vitest";
import { Backend, secretKey, unique } from "../support/backend.js";

const done = { status: "COMPLETED_SUCCESSFULLY", output: { url: "https://example.com/sea" } };

describe.each(["native", "electric"] as const)("feeds: %s", (dialect) => {
  const baseURL = inject(dialect);
  const backend = new Backend(baseURL);

  beforeEach(() => configure({ baseURL, accessToken: secretKey }));

  test("runs.subscribeToRun, to its end", async () => {
    const { id } = await tasks.trigger("desk", { scene: "sea" }, { metadata: { percent: 0 } });
    const seen: string[] = [];
    let last: unknown;
    for await (const run of runs.subscribeToRun(id)) {
      if (seen.at(-1) !== run.status) seen.push(run.status);
      if (run.status === "QUEUED") await backend.report(id, { status: "EXECUTING", metadata: { percent: 50 } });
      if (run.status === "EXECUTING") await backend.report(id, done);
      last = run;
    }
    expect(seen).toEqual(["QUEUED", "EXECUTING", "COMPLETED"]);
    expect(last).toMatchObject({ id, payload: { scene: "sea" }, output: done.output, metadata: { percent: 50 } });
  });

  test("skipColumns", async () => {
    const { id } = await tasks.trigger("desk", { scene: "sea" });
    await backend.report(id, done);
    for await (const run of runs.subscribeToRun(id, { skipColumns: ["payload", "output"] })) {
      expect([run.payload, run.output, run.status]).toEqual([undefined, undefined, "COMPLETED"]);
    }
  });

  test("a failure, as the SDK shows it", async () => {
    const { id } = await tasks.trigger("desk", {});
    const error = { type: "BUILT_IN_ERROR", name: "TypeError", message: "boom", stackTrace: "at x" };
    await backend.report(id, { status: "COMPLETED_WITH_ERRORS", error });
    for await (const run of runs.subscribeToRun(id)) {
      expect(run).toMatchObject({ status: "FAILED", isFailed: true, error: { name: "TypeError", message: "boom" } });
    }
  });

  test("runs.subscribeToRun(…).withStreams", async () => {
    const { id } = await tasks.trigger("desk", {});
    await backend.write(id, "log", "begun");
    const parts: unknown[] = [];
    for await (const part of runs.subscribeToRun(id).withStreams<{ log: string }>()) {
      if (part.type === "run") continue;
      parts.push(part.chunk);
      if (parts.length === 1) await backend.write(id, "log", "done");
      else break;
    }
    expect(parts).toEqual(["begun", "done"]);
  });

  test("runs.subscribeToRunsWithTag: what is there and what comes", async () => {
    const tag = unique("tag");
    const first = await tasks.trigger("desk", {}, { tags: [tag] });
    const seen: string[] = [];
    let second = "";
    for await (const run of runs.subscribeToRunsWithTag(tag, { createdAt: "1h" })) {
      seen.push(`${run.id} ${run.status}`);
      if (seen.length === 1) second = (await tasks.trigger("desk", {}, { tags: [tag, "other"] })).id;
      if (seen.length === 2) await backend.report(first.id, { status: "EXECUTING" });
      if (seen.length === 3) break;
    }
    expect(seen).toEqual([`${first.id} QUEUED`, `${second} QUEUED`, `${first.id} EXECUTING`]);
  });

  test("runs.subscribeToBatch", async () => {
    const handle = await tasks.batchTrigger("desk", [{ payload: { n: 1 } }, { payload: { n: 2 } }]);
    const seen = new Set<number>();
    for await (const run of runs.subscribeToBatch(handle.batchId)) {
      seen.add(run.payload.n);
      if (seen.size === 2) break;
    }
    expect([...seen].sort()).toEqual([1, 2]);
  });

  test("metadata: operations, in turn, and what comes of them", async () => {
    const { id } = await tasks.trigger("desk", {}, { metadata: { count: 1 } });
    const client = new ApiClient(baseURL, secretKey);
    const { metadata } = await client.updateRunMetadata(id, {
      operations: [
        { type: "increment", key: "count", value: 2 },
        { type: "set", key: "label", value: "half way" },
        { type: "append", key: "log", value: "a" },
        { type: "append", key: "log", value: "b" },
        { type: "remove", key: "log", value: "a" },
      ],
    });
    const expected = { count: 3, label: "half way", log: ["b"] };
    expect(metadata).toEqual(expected);
    for await (const run of runs.subscribeToRun(id)) {
      expect(run.metadata).toEqual(expected);
      break;
    }
    await client.updateRunMetadata(id, { metadata: { replaced: true } });
    expect((await runs.retrieve(id)).metadata).toEqual({ replaced: true });
  });

  test("a public token follows what it may, and a page's own token does too", async () => {
    const handle = await tasks.trigger("desk", {});
    const client = new ApiClient(baseURL, handle.publicAccessToken);
    for await (const run of client.subscribeToRun(handle.id)) {
      expect(run.id).toBe(handle.id);
      break;
    }
    const other = new ApiClient(baseURL, await backend.token("read:runs:run_other"));
    const refused = new Promise((settle) => {
      const feed = other.subscribeToRun(handle.id, { onFetchError: settle });
      void feed[Symbol.asyncIterator]()
        .next()
        .catch(() => {});
    });
    expect(await refused).toMatchObject({ status: 403 });
  });
});
