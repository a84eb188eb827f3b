// One round: a load until the server is gone, what was left open finished on the next one, and a look at what is there.
import { Lost } from "./api.mjs";
import { FeedReader, StreamReader } from "./readers.mjs";

const lanes = 4;

export class Round {
  #name;
  #run;
  /** What had no answer and may be asked again. */
  #open = [];
  #readers;
  #feeds;
  /** Values by stream: those that were acknowledged, and those that may or may not be there. */
  #sent = { keyed: new Set(), plain: new Set(), parts: new Set(), lines: new Set() };
  #unknown = { plain: new Set(), lines: new Set() };
  #increments = { acknowledged: 0, unknown: 0, keyed: 0 };
  #triggered = new Map();
  #batches = new Map();
  #waits = new Map();
  #gates = new Map();
  #tokens = new Map();
  #problems = [];

  constructor(name) {
    this.#name = name;
  }

  /** Makes what the load is put on. */
  async prepare(api) {
    const { id } = await api.get("POST", "/api/v1/tasks/nobody/trigger", { body: { options: { tags: [this.#name] } } });
    this.#run = id;
    const stream = `/realtime/v1/streams/${id}`;
    const paths = { keyed: `${stream}/input/keyed`, plain: `${stream}/input/plain` };
    this.#readers = Object.entries({ ...paths, parts: `${stream}/parts`, lines: `${stream}/lines` }).map(
      ([name, path]) => ({ name, path, reader: new StreamReader(path) }),
    );
    this.#feeds = [`/realtime/v1/runs/${id}`, `/realtime/v1/runs?tags=${this.#name}`].map(
      (path) => new FeedReader(path),
    );
    for (const feed of this.#feeds) await feed.poll(api);
    this.#triggered.set("the run of the round", id);
  }

  /** Resolves once the server is gone. What has gone wrong by then is told by `check`. */
  async load(api) {
    const kinds = [
      this.#keyed,
      this.#plain,
      this.#part,
      this.#line,
      this.#increment,
      this.#keyedIncrement,
      this.#trigger,
    ];
    const rarely = [this.#batch, this.#wait, this.#gate, this.#token];
    const work = [
      ...kinds.flatMap((kind) => Array.from({ length: lanes }, (_, lane) => this.#lane(api, kind, lane))),
      ...rarely.map((kind) => this.#lane(api, kind, 0)),
      ...this.#readers.map(({ reader }) => reader.follow(api)),
      ...this.#feeds.map((feed) => feed.follow(api)),
    ];
    const ends = await Promise.allSettled(work);
    this.#problems.push(...ends.filter((end) => end.reason).map((end) => String(end.reason.message ?? end.reason)));
  }

  async #lane(api, kind, lane) {
    for (let n = 0; ; n++) {
      const step = kind.call(this, `${lane}.${n}`);
      try {
        await step.go(api);
      } catch (error) {
        if (!(error instanceof Lost)) throw error;
        if (step.lose) step.lose();
        else this.#open.push(step);
        return;
      }
    }
  }

  /** Asks again, as a client does, for what had no answer. */
  async finish(api) {
    await Promise.all(this.#open.splice(0).map((step) => step.go(api)));
    await Promise.all([
      ...this.#readers.map(({ reader }) => reader.catchUp(api)),
      ...this.#feeds.map((f) => f.catchUp(api)),
    ]);
  }

  // --- what a lane does: `go` may be repeated, unless there is a `lose`, which notes that nobody knows ------------------------
  #keyed(n) {
    const value = `keyed ${n}`;
    const path = `/realtime/v1/streams/${this.#run}/input/keyed`;
    const headers = { "x-trigger-request-idempotency-key": `${this.#name} ${value}` };
    return {
      go: async (api) => {
        await api.get("POST", path, { body: { data: value }, headers });
        this.#sent.keyed.add(value);
      },
    };
  }

  #plain(n) {
    const value = `plain ${n}`;
    return {
      go: async (api) => {
        await api.get("POST", `/realtime/v1/streams/${this.#run}/input/plain`, { body: { data: value } });
        this.#sent.plain.add(value);
      },
      lose: () => this.#unknown.plain.add(value),
    };
  }

  #part(n) {
    const value = `part ${n}`;
    const request = { body: JSON.stringify(value), headers: { "x-part-id": value } };
    return {
      go: async (api) => {
        await api.get("POST", `/realtime/v1/streams/${this.#run}/self/parts/append`, request);
        this.#sent.parts.add(value);
      },
    };
  }

  #line(n) {
    const value = `line ${n}`;
    return {
      go: async (api) => {
        await api.get("POST", `/realtime/v1/streams/${this.#run}/self/lines/append`, { body: JSON.stringify(value) });
        this.#sent.lines.add(value);
      },
      lose: () => this.#unknown.lines.add(value),
    };
  }

  #increment() {
    const body = { operations: [{ type: "increment", key: "n", value: 1 }] };
    return {
      go: async (api) => {
        await api.get("PUT", `/api/v1/runs/${this.#run}/metadata`, { body });
        this.#increments.acknowledged += 1;
      },
      lose: () => {
        this.#increments.unknown += 1;
      },
    };
  }

  #keyedIncrement(n) {
    const headers = { "x-trigger-request-idempotency-key": `${this.#name} increment ${n}` };
    const body = { operations: [{ type: "increment", key: "keyed", value: 1 }] };
    return {
      go: async (api) => {
        await api.get("PUT", `/api/v1/runs/${this.#run}/metadata`, { body, headers });
        this.#increments.keyed += 1;
      },
    };
  }

  #trigger(n) {
    const headers = { "x-trigger-request-idempotency-key": `${this.#name} ${n}` };
    const body = { payload: { n }, options: { tags: [this.#name] } };
    return {
      go: async (api) => {
        const { id } = await api.get("POST", "/api/v1/tasks/nobody/trigger", { body, headers });
        this.#triggered.set(n, id);
      },
    };
  }

  #batch(n) {
    const headers = { "x-trigger-request-idempotency-key": `${this.#name} ${n}` };
    const item = (index) => ({ task: "nobody", payload: { n, index } });
    return {
      go: async (api) => {
        const { id } = await api.get("POST", "/api/v2/tasks/batch", {
          body: { items: [item(0), item(1), item(2)] },
          headers,
        });
        this.#batches.set(n, id);
      },
    };
  }

  /** Two complete it, one after the other; whichever was first stays. */
  #wait(n) {
    const body = { idempotencyKey: `${this.#name} ${n}` };
    let tries = 0;
    return {
      go: async (api) => {
        tries += 1;
        const { id } = await api.get("POST", "/api/v1/waitpoints/tokens", { body });
        const wait = this.#waits.get(id) ?? { values: [] };
        this.#waits.set(id, wait);
        for (const by of ["first", "second"]) {
          const value = `${by} of try ${tries}`;
          wait.values.push(value);
          await api.get("POST", `/api/v1/waitpoints/tokens/${id}/complete`, { body: { data: value } });
          wait.end ??= wait.values.length === 1 ? value : undefined;
        }
      },
    };
  }

  /** A run that waits for a token, which is completed. */
  #gate(n) {
    const headers = { "x-trigger-request-idempotency-key": `${this.#name} ${n}` };
    return {
      go: async (api) => {
        const { id } = await api.get("POST", "/api/v1/tasks/gate/trigger", { body: { payload: {} }, headers });
        for await (const { records } of api.events(`/realtime/v1/streams/${id}/gate`)) {
          if (records.length === 0) continue;
          const token = JSON.parse(records[0].body).data.id;
          await api.get("POST", `/api/v1/waitpoints/tokens/${token}/complete`, { body: { data: `${n} is open` } });
          this.#gates.set(id, `${n} is open`);
          return;
        }
      },
    };
  }

  #token(n) {
    const headers = { "x-trigger-request-idempotency-key": `${this.#name} ${n}` };
    // Two tokens of one second that say the same are the same.
    const wanted = { scopes: ["trigger:tasks:nobody", `read:tags:${this.#name}-${n}`], oneTimeUse: true };
    let minted;
    return {
      go: async (api) => {
        minted ??= (await api.get("POST", "/api/v1/auth/public-tokens", { body: wanted })).token;
        const { id } = await api.get("POST", "/api/v1/tasks/nobody/trigger", { body: {}, headers, token: minted });
        this.#tokens.set(minted, id);
      },
    };
  }

  // --- what must be true of it, now and after every later kill --------------------------------------------------------------
  /** Sentences, one for each thing that is not as it must be. */
  async check(api) {
    const problems = [...this.#problems];
    const must = (holds, sentence) => holds || problems.push(`${this.#name}: ${sentence}`);
    for (const { name, path, reader } of this.#readers) {
      const whole = new StreamReader(path);
      await whole.catchUp(api);
      must(
        whole.records.every((record, at) => record.seq_num === at),
        `${name} has a gap`,
      );
      must(
        JSON.stringify(reader.records) === JSON.stringify(whole.records),
        `the reader of ${name} saw something else`,
      );
      const count = new Map();
      for (const value of whole.data) count.set(value, (count.get(value) ?? 0) + 1);
      for (const value of this.#sent[name])
        must(count.get(value) === 1, `${value} is there ${count.get(value) ?? 0} times`);
      for (const value of count.keys()) {
        must(this.#sent[name].has(value) || this.#unknown[name]?.has(value), `${value} was never sent`);
      }
    }
    const run = await api.get("GET", `/api/v3/runs/${this.#run}`);
    const { acknowledged, unknown, keyed } = this.#increments;
    const n = run.metadata?.n ?? 0;
    must((run.metadata?.keyed ?? 0) === keyed, `${run.metadata?.keyed} after ${keyed} increments under keys`);
    must(
      n >= acknowledged && n <= acknowledged + unknown,
      `n is ${n} after ${acknowledged} increments, ${unknown} unknown`,
    );
    const [ofRun, ofTag] = this.#feeds;
    const row = [...ofRun.rows.values()][0];
    must((JSON.parse(row.metadata ?? "null")?.n ?? 0) === n, `the feed says ${row.metadata}`);
    const tagged = await this.#list(api, `filter[tag]=${this.#name}`);
    const same = (some, others) => [...some].sort().join() === [...others].sort().join();
    must(same(tagged, this.#triggered.values()), `${tagged.length} runs of ${this.#triggered.size} triggers`);
    const shown = [...ofTag.rows.values()].map((shownRow) => shownRow.friendlyId);
    must(same(shown, tagged), `the feed of the tag shows ${shown.length} runs of ${tagged.length}`);
    for (const id of this.#batches.values()) {
      const runs = await this.#list(api, `filter[batch]=${id}`);
      const batch = await api.get("GET", `/api/v2/batches/${id}`);
      must(batch.runs.length === 3 && same(batch.runs, runs), `batch ${id} has ${runs.length} runs`);
    }
    for (const [id, wait] of this.#waits) {
      const { status, output } = await api.get("GET", `/api/v1/waitpoints/tokens/${id}`);
      must(status === "COMPLETED" && wait.values.includes(output), `${id} is ${status} with ${output}`);
      wait.end ??= output;
      must(output === wait.end, `${id} was resolved with ${wait.end}, then with ${output}`);
    }
    for (const [id, value] of this.#gates) {
      const { output, status } = await this.#ended(api, id);
      must(output === value, `gate ${id} is ${status} with ${output}`);
    }
    for (const [token, id] of this.#tokens) {
      const again = await api.ask("POST", "/api/v1/tasks/nobody/trigger", { body: {}, token });
      must(again.status === 422, `the one-time token of ${id} could be used again`);
    }
    return problems;
  }

  /** How many answers it got. */
  get answers() {
    const sets = [...Object.values(this.#sent), this.#triggered, this.#batches, this.#waits, this.#gates, this.#tokens];
    return sets.reduce((sum, set) => sum + set.size, this.#increments.acknowledged + this.#increments.keyed);
  }

  async #ended(api, id) {
    const feed = new FeedReader(`/realtime/v1/runs/${id}`);
    await feed.poll(api);
    while (![...feed.rows.values()][0].completedAt) await feed.poll(api);
    return await api.get("GET", `/api/v3/runs/${id}`);
  }

  async #list(api, filter) {
    const ids = [];
    let after = "";
    do {
      const page = await api.get("GET", `/api/v1/runs?page[size]=100&${filter}${after}`);
      ids.push(...page.data.map((run) => run.id));
      after = page.pagination.next && `&page[after]=${encodeURIComponent(page.pagination.next)}`;
    } while (after);
    return ids;
  }
}
