import { warnInDevelopment } from "../../wasm/development.js";
import type { FeedListener, Principal, StreamUpdate } from "../entries.js";
import { messageOf } from "../errors.js";
import type { EventPump } from "../event-pump.js";
import { guard } from "../guard.js";
import { type Row, Rows } from "./rows.js";
import { type RealtimeRun, type RunValues, toRun } from "./run.js";
import { PacketValue } from "./run-value.js";
import { type RunsTarget, toAddress } from "./target.js";

/** Hears of the runs of a feed. */
export interface RunsListener {
  /** After the end of a feed nothing follows; what it is the end of has been told before. */
  changed(update: StreamUpdate): void;
  /**
   * Every run of the feed, in the order in which they first came, and those that are new or have changed. A run that has not changed
   * is the same object.
   */
  runs(all: readonly RealtimeRun[], changed: readonly RealtimeRun[]): void;
}

/** What to follow, and how. */
export interface RunsRequest {
  readonly principal: Principal;
  readonly target: RunsTarget;
  readonly listener: RunsListener;
  /**
   * What is done with payloads and outputs that lie in the object store. `load`: a run is told without them, and again when they have
   * come. `on-demand`: only `loadPayload()` and `loadOutput()` ask for them. Default: `load`.
   */
  readonly storedPackets?: "load" | "on-demand" | undefined;
}

/** A run as it was last told. */
interface Told {
  readonly columns: RealtimeRun["columns"];
  readonly values: PacketValues;
  run: RealtimeRun;
}

type PacketValues = Record<keyof RunValues, PacketValue>;

/** Follows runs until the returned function is called; nothing is told after that. Throws `invalid-options`. */
export function followRuns(pump: EventPump, request: RunsRequest): () => void {
  const { principal, target, listener, storedPackets = "load" } = request;
  const rows = new Rows(warn);
  const valuesByKey = new Map<string, PacketValues>();
  const told = new Map<string, Told>();
  const downloads = new Set<Promise<void>>();
  let isFirst = true;
  let stopped = false;
  let lastTurn: Promise<void> | undefined;

  const fetch = (path: string) =>
    import("./stored-packets.js").then(({ loadStored }) => loadStored(pump, principal, path));

  /** Does it when what it needs is there, and not before what came before it. */
  const inTurn = (needs: Iterable<Promise<void>>, act: () => void) => {
    const list = [...needs];
    if (!lastTurn && list.length === 0) {
      act();
      return;
    }
    const turn = Promise.all([lastTurn, ...list]).then(() => {
      if (lastTurn === turn) lastTurn = undefined;
      if (!stopped) guard(act);
    });
    lastTurn = turn;
  };

  const tell = (changed: RealtimeRun[]) =>
    listener.runs(
      Array.from(told.values(), ({ run }) => run),
      changed,
    );

  const valuesOf = (key: string, columns: Told["columns"]): PacketValues => {
    const before = valuesByKey.get(key);
    const packet = (name: keyof RunValues) => {
      const data = columns[name];
      const type = columns[`${name}Type`];
      const known = before?.[name];
      if (known && known.data === data && known.type === type) return known;
      const unreadable = (reason: string) => warn(name, columns.friendlyId, reason);
      const value = new PacketValue(data, type, name === "metadata" ? undefined : fetch, unreadable);
      if (value.isStored && storedPackets === "load") download(key, name, value);
      return value;
    };
    const values = { payload: packet("payload"), output: packet("output"), metadata: packet("metadata") };
    valuesByKey.set(key, values);
    return values;
  };

  const download = (key: string, name: string, value: PacketValue) => {
    const done = value.load().then(
      (loaded) => {
        value.value = loaded;
        const entry = told.get(key);
        if (stopped || !entry || !Object.values(entry.values).includes(value)) return;
        entry.run = toRun(entry.columns, entry.values, (column) => warn(column, entry.run.id));
        guard(() => tell([entry.run]));
      },
      (error) => warn(name, told.get(key)?.run.id ?? key, messageOf(error)),
    );
    const tracked = done.finally(() => downloads.delete(tracked));
    downloads.add(tracked);
  };

  const take: FeedListener["rows"] = (...messages) => {
    const commit = rows.take(...messages);
    if (!commit) return;
    for (const key of commit.removed) valuesByKey.delete(key);
    const changed = commit.changed.map((key) => {
      const { columns } = rows.shown.get(key) as Row;
      return { key, columns, values: valuesOf(key, columns) };
    });
    const needs = changed.flatMap(({ values }) => Object.values(values).flatMap(({ decoding }) => decoding ?? []));
    inTurn(needs, () => {
      for (const key of commit.removed) told.delete(key);
      const runs = changed.map(({ key, columns, values }) => {
        const run = toRun(columns, values, (column) => warn(column, columns.friendlyId));
        told.set(key, { columns, values, run });
        return run;
      });
      if (runs.length === 0 && commit.removed.length === 0 && !isFirst) return;
      isFirst = false;
      tell(runs);
    });
  };

  const unfollow = pump.follow({
    principal,
    address: toAddress(target),
    listener: {
      // What is on its way belongs to what has ended.
      changed: (update) => inTurn(update.status === "ended" ? downloads : [], () => listener.changed(update)),
      rows: take,
    },
  });
  return () => {
    stopped = true;
    unfollow();
  };
}

function warn(name: string, run: unknown, reason = "its text is not of its type"): void {
  warnInDevelopment(() => `${name} of the run ${run} cannot be read and is left out: ${reason}`);
}
