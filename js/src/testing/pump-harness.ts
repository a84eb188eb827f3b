import type { SendUpdate, StreamUpdate } from "../client/entries.js";
import { EventPump } from "../client/event-pump.js";
import { FakeLoader } from "./fake-engine.js";

/** A pump on fake engines, with short ways to send and to subscribe. */
export function pumpHarness() {
  const endpoint = { baseURL: "https://api.example.com", branch: undefined };
  const loader = new FakeLoader();
  const pump = new EventPump(loader.load);

  function send(accessToken: string | (() => string) = "token", json = "1") {
    const updates: SendUpdate[] = [];
    const principal = pump.openPrincipal(endpoint, accessToken);
    const listener = (update: SendUpdate) => updates.push(update);
    const handle = pump.send({ principal, runId: "run_1", streamId: "approval", json, listener });
    return { principal, updates, handle };
  }

  function subscribe(lastEventId?: string) {
    const updates: StreamUpdate[] = [];
    const parts: unknown[] = [];
    const principal = pump.openPrincipal(endpoint, "token");
    const listener = {
      changed: (update: StreamUpdate) => updates.push(update),
      parts: (batch: unknown[]) => parts.push(...batch),
    };
    const request = { principal, runId: "run_1", key: "draft", lastEventId, timeoutInSeconds: 60, listener };
    return { principal, updates, parts, close: pump.subscribe(request) };
  }

  return { endpoint, loader, pump, send, subscribe };
}
