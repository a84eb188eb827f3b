import { fileURLToPath } from "node:url";
import { createContext, runInContext } from "node:vm";
import { build } from "esbuild";
import { beforeAll, expect, test } from "vitest";
import type * as Server from "../server.js";

let inputs: string[];
let code: string;

beforeAll(async () => {
  const { metafile, outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("../server.ts", import.meta.url))],
    bundle: true,
    write: false,
    metafile: true,
    outdir: "out",
    platform: "neutral", // a built-in of Node is an error
    mainFields: ["module", "main"],
    format: "iife",
    globalName: "server",
  });
  inputs = Object.keys(metafile.inputs);
  code = outputFiles[0]?.text ?? "";
});

test("nothing of the core is in what a backend loads, and nothing of React", () => {
  expect(
    inputs.filter((file) => /wasm\/(generated|load|core|engine)|event-pump|node_modules\/react/.test(file)),
  ).toEqual([]);
});

test("it needs no more than the web's own globals", async () => {
  const asked: string[] = [];
  const web = {
    ...{ AbortController, crypto, Headers, Request, Response, TextDecoder, TextEncoder, URL, atob, btoa },
    ...{ setTimeout, clearTimeout },
    fetch: async (url: string, { body = "" }: { body?: string }) => {
      asked.push(`${url} ${body}`);
      return Response.json({ id: "run_1" }, { headers: { "x-trigger-jwt": "its.own.token" } });
    },
  };
  const context = createContext(web);
  const { createBackend, auth } = runInContext(`${code}; server`, context) as typeof Server;
  const payload = runInContext('({ at: new Date(0), tags: new Set(["a"]) })', context);
  const backend = createBackend({ secretKey: "tr_dev_1", environmentId: "env_1" });
  const handler = backend.tokenHandler({ authorize: () => ({ read: { runs: "run_1" } }) });
  const token = await (await handler(new Request("https://app.test/"))).text();
  expect(atob(token.split(".")[1] ?? "")).toContain('"sub":"env_1"');
  await backend.trigger("hello", payload);
  await backend.streams.input("approval").send("run_1", true);
  expect(asked).toEqual([
    expect.stringContaining('\\"meta\\":{\\"values\\":{'),
    'https://api.trigger.dev/realtime/v1/streams/run_1/input/approval {"data":true}',
  ]);
  await expect(auth.createPublicToken({ scopes: ["read:runs"] })).rejects.toThrow(/TRIGGER_SECRET_KEY/);
});
