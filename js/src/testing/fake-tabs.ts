import type { StreamListener, StreamUpdate } from "../client/entries.js";
import { TidegateError } from "../client/errors.js";
import { SharedStream } from "../client/tabs/shared-stream.js";
import { FakeLocks } from "./fake-locks.js";

/** What a server has of a stream. Records without a part are the store's own. */
export interface FakeRecord {
  readonly id: string;
  readonly part?: unknown;
  readonly partId?: string;
}

interface Wire {
  readonly tab: FakeTab;
  /** Not delivered yet; chunks of it come in order. */
  busyUntil: number;
}

/** Several tabs of one browser before one server, with delays that `random` decides; run by fake timers. */
export class FakeTabs {
  readonly log: FakeRecord[] = [];
  isFinished = false;
  readonly locks = new FakeLocks();
  readonly random: () => number;
  readonly tabs: FakeTab[] = [];
  readonly connections = new Set<Connection>();
  /** Connections that have ever been opened. */
  opened = 0;
  readonly channels = new Set<FakeChannel>();
  /** How long a message or a chunk takes at most. */
  delayMs = 100;
  memory = 2_000_000;
  tokenLifeMs = Number.POSITIVE_INFINITY;

  constructor(random: () => number) {
    this.random = random;
  }

  open(identity = "one", willFail = false): FakeTab {
    const tab = new FakeTab(this, identity, willFail);
    this.tabs.push(tab);
    return tab;
  }

  write(...records: FakeRecord[]): void {
    this.log.push(...records);
    for (const connection of this.connections) connection.pump();
  }

  finish(): void {
    this.isFinished = true;
    for (const connection of this.connections) connection.pump();
  }

  /** What every reader has to have seen. */
  get parts(): unknown[] {
    return partsOf(this.log);
  }

  /** After a random time, and not before what was sent on this wire earlier; a tab that hangs gets it later. */
  deliver(wire: Wire, act: () => void): void {
    wire.busyUntil = Math.max(wire.busyUntil, Date.now() + Math.floor(this.random() * this.delayMs));
    const attempt = () => {
      const { hangsUntil } = wire.tab;
      if (wire.tab.isGone) return;
      if (hangsUntil > Date.now()) setTimeout(attempt, hangsUntil - Date.now());
      else act();
    };
    setTimeout(attempt, wire.busyUntil - Date.now());
  }
}

export class FakeTab {
  readonly parts: unknown[] = [];
  readonly updates: StreamUpdate[] = [];
  readonly page = new EventTarget();
  readonly stream: SharedStream;
  readonly #locks;
  isGone = false;
  hangsUntil = 0;
  error: unknown;

  constructor(
    readonly world: FakeTabs,
    public identity: string,
    public willFail: boolean,
  ) {
    this.#locks = world.locks.page();
    this.stream = new SharedStream({
      lastEventId: undefined,
      listener: {
        parts: (parts) => {
          this.parts.push(...parts);
        },
        changed: (update) => {
          this.updates.push(update);
        },
      },
      subscribe: (lastEventId, listener) => new Connection(world, this, lastEventId, listener).close,
      name: async () => (this.identity ? { name: this.identity, untilMs: Date.now() + world.tokenLifeMs } : undefined),
      Failure: TidegateError,
      locks: this.#locks as unknown as LockManager,
      openChannel: (name) => new FakeChannel(world, this, name),
      page: this.page,
      memory: world.memory,
    });
  }

  get status() {
    return this.updates.at(-1)?.status;
  }

  /** It unmounts. */
  close(): void {
    this.stream.close();
    this.isGone = true;
  }

  /** From one moment to the next nothing of it is there. */
  crash(): void {
    this.isGone = true;
    for (const connection of this.world.connections) if (connection.tab === this) connection.close();
    for (const channel of this.world.channels) if (channel.tab === this) channel.close();
    this.#locks.leave();
  }
}

/** One connection as the core keeps it: what a writer repeats is dropped as long as it lasts. */
class Connection implements Wire {
  busyUntil = 0;
  #next: number;
  #seen = new Set<string>();
  #isOver = false;

  constructor(
    readonly world: FakeTabs,
    readonly tab: FakeTab,
    lastEventId: string | undefined,
    readonly listener: StreamListener,
  ) {
    const isBehind = ({ id }: FakeRecord) => lastEventId === undefined || compare(id, lastEventId) > 0;
    const first = world.log.findIndex(isBehind);
    this.#next = first < 0 ? world.log.length : first;
    if (tab.isGone) return;
    world.connections.add(this);
    world.opened += 1;
    listener.changed({ status: "connecting", attempt: 1 });
    world.deliver(this, () => {
      if (!world.connections.has(this)) return;
      if (tab.willFail) {
        this.#isOver = true;
        const error = new TidegateError("No.", { code: "forbidden", retryable: false });
        listener.changed({ status: "failed", attempt: 0, endReason: "forbidden", error });
        return;
      }
      listener.changed({ status: "live", attempt: 0 });
      this.pump();
    });
  }

  readonly close = () => {
    this.world.connections.delete(this);
  };

  pump(): void {
    if (this.tab.willFail) return;
    this.world.deliver(this, () => {
      const { world, listener } = this;
      if (!world.connections.has(this) || this.#isOver) return;
      const chunk = world.log.slice(this.#next, this.#next + 1 + Math.floor(world.random() * 12));
      this.#next += chunk.length;
      const parts = partsOf(chunk, this.#seen);
      const id = chunk.at(-1)?.id;
      if (parts.length > 0) listener.parts(parts, id ?? "");
      if (this.#next < world.log.length) this.pump();
      else if (world.isFinished) {
        this.#isOver = true;
        if (world.connections.has(this)) listener.changed({ status: "ended", attempt: 0, endReason: "run-finished" });
      }
    });
  }
}

class FakeChannel {
  onmessage: BroadcastChannel["onmessage"] = null;
  readonly #wires = new Map<FakeChannel, Wire>();

  constructor(
    readonly world: FakeTabs,
    readonly tab: FakeTab,
    readonly name: string,
  ) {
    world.channels.add(this);
  }

  readonly postMessage = (message: unknown) => {
    if (this.tab.isGone || !this.world.channels.has(this)) return;
    const data = structuredClone(message);
    for (const other of this.world.channels) {
      if (other === this || other.name !== this.name) continue;
      const wire = this.#wires.get(other) ?? { tab: other.tab, busyUntil: 0 };
      this.#wires.set(other, wire);
      this.world.deliver(wire, () => {
        // What a crashed tab had on its way may be lost, and all that it said after that.
        if (this.tab.isGone && this.world.random() < 0.3) this.#wires.clear();
        const arrives = this.world.channels.has(other) && (!this.tab.isGone || this.#wires.has(other));
        if (arrives) other.onmessage?.call(other as never, new MessageEvent("message", { data }));
      });
    }
  };

  readonly close = () => {
    this.world.channels.delete(this);
  };
}

function partsOf(records: FakeRecord[], seen = new Set<string>()): unknown[] {
  const news = records.filter(({ partId }) => {
    if (partId === undefined) return true;
    if (seen.has(partId)) return false;
    seen.add(partId);
    return true;
  });
  return news.flatMap((record) => ("part" in record ? [record.part] : []));
}

function compare(a: string, b: string): number {
  const [one = 0, two = 0] = a.split("-").map(Number);
  const [three = 0, four = 0] = b.split("-").map(Number);
  return one - three || two - four;
}
