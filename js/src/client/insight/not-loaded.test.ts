import { beforeEach, expect, it, vi } from "vitest";
import { debug } from "../../devtools/page.js";
import { settle } from "../../testing/fake-engine.js";
import { fakePage } from "../../testing/fake-page.js";
import { createClient } from "../create-client.js";
import { pageWatch } from "../watch.js";

vi.mock("../../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../../testing/fake-page.js")).loadCore,
}));
vi.mock("../insight.js", () => {
  throw new Error("no such file");
});

beforeEach(() => fakePage.reset());

it("a page that cannot load the code for events says so once, keeps nothing, and works", async () => {
  const warned = vi.spyOn(console, "warn").mockImplementation(() => {});
  const client = createClient({ accessToken: "t" });
  const heard = vi.fn();
  const stop = client.on("*", heard);
  const sent = client.send("run_1", "approval", 1);
  await vi.dynamicImportSettled();
  await vi.waitFor(() => expect(warned).toHaveBeenCalledOnce());
  expect(warned.mock.calls[0]?.[0]).toMatch(/^Tidegate: events cannot be told: /);
  expect(pageWatch()).toMatchObject({ observe: undefined, early: [] });
  expect(pageWatch().listening.size).toBe(0);
  const { engine } = fakePage.loader;
  engine.changeSend(engine.idsOf("send")[0] as number, { state: "accepted" });
  await expect(sent).resolves.toMatchObject({ attempts: 1 });
  for (const dump of [client.debug, debug]) {
    await expect(dump()).rejects.toMatchObject({ name: "TidegateError", code: "engine-unavailable" });
  }
  stop();
  await settle();
  expect(heard).not.toHaveBeenCalled();
});
