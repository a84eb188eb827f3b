import { expect, test } from "vitest";
import { createBackend } from "./backend.js";
import type { Granted } from "./token-handler.js";

const { tokenHandler } = createBackend({ secretKey: "tr_dev_1", environmentId: "env_1" });
const request = new Request("https://app.test/api/token?run=run_1", {
  method: "POST",
  headers: { cookie: "user=ana" },
});

const answerTo = async (granted: Granted) => tokenHandler({ authorize: () => granted })(request);

test("answers with a token as text that nobody keeps", async () => {
  const handler = tokenHandler({
    expirationTime: "5m",
    authorize: async (given) => {
      const { searchParams } = new URL(given.url);
      return (given.headers.get("cookie") === "user=ana" && { read: { runs: searchParams.get("run") ?? "" } }) || null;
    },
  });
  const response = await handler(request);
  expect(response.status).toBe(200);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "content-type": "text/plain; charset=utf-8",
    "cache-control": "no-store",
  });
  const claims = JSON.parse(Buffer.from((await response.text()).split(".")[1] ?? "", "base64url").toString());
  expect(claims).toMatchObject({ sub: "env_1", scopes: ["read:runs:run_1"] });
  expect(claims.exp - claims.iat).toBe(300);
});

test("refuses whom nothing is granted", async () => {
  for (const granted of [null, undefined]) {
    const response = await answerTo(granted);
    expect(response.status).toBe(403);
    expect(response.headers.get("cache-control")).toBe("no-store");
  }
});

test("says what it needs", async () => {
  for (const given of [undefined, {}, { authorize: { read: { runs: "run_1" } } }])
    expect(() => tokenHandler(given as never)).toThrow(/^tokenHandler needs authorize: a function/);
  await expect(answerTo(true as never)).rejects.toMatchObject({ code: "invalid-options" });
});

test("passes on an answer of the application's own", async () => {
  const login = Response.redirect("https://app.test/login");
  expect(await answerTo(login)).toBe(login);
});

test("hands on what the framework gives to a route", async () => {
  const handler = tokenHandler({
    authorize: async (_, { params }: { params: Promise<{ runId: string }> }) => ({
      read: { runs: (await params).runId },
    }),
  });
  const response = await handler(request, { params: Promise.resolve({ runId: "run_9" }) });
  expect(atob((await response.text()).split(".")[1] ?? "")).toContain('"read:runs:run_9"');
});

test("lets the framework see what goes wrong", async () => {
  const down = new Error("the session store is down");
  const failing = tokenHandler({
    authorize: () => {
      throw down;
    },
  });
  await expect(failing(request)).rejects.toBe(down);
  await expect(answerTo({})).rejects.toMatchObject({ code: "invalid-options" });
  await expect(answerTo({ read: { runs: "" } })).rejects.toMatchObject({ code: "invalid-options" });
});
