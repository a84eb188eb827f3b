import type { SendUpdate, StreamUpdate } from "../client/entries.js";
import { EventPump } from "../client/event-pump.js";
import { followRuns } from "../client/runs/follow-runs.js";
import type { RealtimeRun } from "../client/runs/run.js";
import type { RunsTarget } from "../client/runs/target.js";
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

  const runs = (target: RunsTarget, storedPackets?: "load" | "on-demand") => {
    const updates: StreamUpdate[] = [];
    const told: { all: readonly RealtimeRun[]; changed: readonly RealtimeRun[] }[] = [];
    /** In which order what kind of news came. */
    const order: string[] = [];
    const principal = pump.openPrincipal(endpoint, "token");
    const listener = {
      changed: (update: StreamUpdate) => {
        updates.push(update);
        order.push(update.status);
      },
      runs: (all: readonly RealtimeRun[], changed: readonly RealtimeRun[]) => {
        told.push({ all, changed });
        order.push("runs");
      },
    };
    return { updates, told, order, principal, stop: followRuns(pump, { principal, target, listener, storedPackets }) };
  };

  return { endpoint, loader, pump, send, subscribe, runs };
}
