import { readFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { start, token } from "../testing/readme-backend.js";
import { startRecorded } from "../testing/wire.js";
import { configure } from "./configuration.js";

afterEach(() => {
  vi.unstubAllEnvs();
  configure({});
});

const read = (file: string) => readFileSync(new URL(`../../../${file}`, import.meta.url), "utf8");

test("the backend of the READMEs is the one that is tested", () => {
  const tested = read("js/src/testing/readme-backend.ts");
  const codeOf = (page: string) =>
    /```ts\nimport { tokenHandler.*?\n\n(.*?)```/s.exec(read(page))?.[1]?.trim() ?? "not there";
  expect(tested).toContain(codeOf("README.md"));
  expect(tested).toContain(codeOf("pkg-template/README.md").replace("export const GET", "export const token"));
});

test("the README's backend starts a run, and gives a token to whom it belongs", async () => {
  const server = await startRecorded("mint-legacy-claims");
  try {
    vi.stubEnv("TRIGGER_SECRET_KEY", "tr_dev_readme");
    vi.stubEnv("TRIGGER_API_URL", server.baseURL);
    const response = await token(new Request("https://app.test/api/token", { headers: { cookie: "user=ana" } }));
    const claims = atob((await response.text()).split(".")[1] ?? "");
    expect(JSON.parse(claims).scopes).toEqual(["read:runs:run_1", "write:inputStreams:run_1"]);
    expect((await token(new Request("https://app.test/api/token"))).status).toBe(403);
    // No such answer was recorded: what counts is that it is asked for.
    await expect(start("tea")).rejects.toMatchObject({ status: 404 });
    expect(server.requests.at(-1)).toMatchObject({ method: "POST", path: "/api/v1/tasks/approval/trigger" });
  } finally {
    await server.stop();
  }
});
