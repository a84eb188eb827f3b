// @vitest-environment jsdom
import { act, createElement } from "react";
import { createRoot } from "react-dom/client";
import { createBackend } from "tidegate/server";
import { afterEach, expect, test, vi } from "vitest";
import { Page } from "../page.js";

globalThis.IS_REACT_ACT_ENVIRONMENT = true;
const api = process.env.TIDEGATE_URL;
const complaints = ["warn", "error"].map((level) => vi.spyOn(console, level));

afterEach(() => {
  for (const complaint of complaints) expect(complaint).not.toHaveBeenCalled();
});

const shows = (text) => vi.waitFor(() => act(() => expect(document.body.textContent).toContain(text)), 20_000);

test("a component is used as in a page", async () => {
  const backend = createBackend({ baseURL: api, secretKey: process.env.TIDEGATE_SECRET_KEY });
  const { id: run } = await backend.trigger("approval", { topic: "jsdom" });
  const token = await backend.auth.createPublicToken({ scopes: { read: { runs: run }, write: { inputStreams: run } } });
  const root = createRoot(document.body.appendChild(document.createElement("div")));
  await act(() => root.render(createElement(Page, { api, run, token })));
  await shows("Thank you for your patience");
  await act(() => document.querySelector("button").click());
  await shows("accepted");
  await shows("COMPLETED");
  await act(() => root.unmount());
}, 30_000);
