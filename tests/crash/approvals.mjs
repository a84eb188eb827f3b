// Runs of the demo task `approval` that live through many kills: a draft takes longer than a server lives.
import { StreamReader } from "./readers.mjs";

const atOnce = 3;

export class Approvals {
  #made = 0;
  #under = new Map();
  #problems = [];
  attempts = 0;

  /** Makes new ones in the place of those that have ended, each with its answer sent at once. */
  async renew(api) {
    while (this.#under.size < atOnce) {
      const n = this.#made++;
      const body = { payload: { topic: `topic ${n}` } };
      const { id } = await api.get("POST", "/api/v1/tasks/approval/trigger", { body });
      await api.get("POST", `/realtime/v1/streams/${id}/input/approval`, { body: { data: { approved: true } } });
      this.#under.set(id, n);
    }
  }

  /** Looks at those that have ended. */
  async check(api) {
    for (const [id, n] of this.#under) {
      const run = await api.get("GET", `/api/v3/runs/${id}`);
      if (run.finishedAt) {
        await this.#judge(api, run, n);
        this.#under.delete(id);
      }
    }
    return this.#problems.splice(0);
  }

  /** Waits for all of them. */
  async finish(api) {
    const problems = [];
    while (this.#under.size > 0) {
      const [id] = this.#under.keys();
      const feed = `/realtime/v1/streams/${id}/result`;
      for await (const { records } of api.events(feed)) {
        if (records.some((record) => record.body.includes("published"))) break;
      }
      problems.push(...(await this.check(api)));
    }
    return problems;
  }

  async #judge(api, run, n) {
    const read = async (stream) => {
      const reader = new StreamReader(`/realtime/v1/streams/${run.id}/${stream}`);
      await reader.catchUp(api);
      return reader.records.map((record) => JSON.parse(record.body).data);
    };
    const draft = (await read("draft")).join("");
    const states = (await read("result")).map((part) => part.state).join();
    const isWhole = draft.startsWith(`Today we are shipping topic ${n}.`) && draft.endsWith("along the way.");
    this.attempts += run.attemptCount;
    if (run.status !== "COMPLETED") this.#problems.push(`${run.id} is ${run.status}`);
    if (!isWhole || draft.lastIndexOf("Today") > 0) this.#problems.push(`the draft of ${run.id} reads ${draft}`);
    if (states !== "waiting,published") this.#problems.push(`${run.id} said ${states}`);
  }
}
