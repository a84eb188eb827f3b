import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { toIdentity } from "../server/configuration.js";
import { OutputLog } from "./output-log.js";

let written: string[];
beforeEach(() => {
  written = [];
  vi.stubGlobal("fetch", async (_: string, { method, body }: RequestInit) => {
    if (method === "POST") written.push(String(body));
    return Response.json({ version: "v2" });
  });
});
afterEach(() => vi.unstubAllGlobals());

it("writes what is appended at the very moment in which what was before it has arrived", async () => {
  const log = new OutputLog(toIdentity({ secretKey: "tr_dev_test", baseURL: "https://api.test" }), "run_1", "steps");
  await log.append("1").then(() => log.append("2"));
  await log.append("3");
  expect(written).toEqual(["1\n", "2\n", "3\n"]);
});
