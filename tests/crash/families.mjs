// Runs at worker processes: one that leads triggers some that take words, and waits for their end. They live through many kills.
import { Lost } from "./api.mjs";
import { FeedReader, StreamReader } from "./readers.mjs";

const atOnce = 3;
const children = 3;
const count = 5;
const tail = 5;
/** Longer than anything takes that is not stuck. */
const patienceMs = 60_000;

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

export class Families {
  #draw;
  #made = 0;
  #under = [];
  #ended = [];
  #problems = [];
  runs = 0;
  lives = 0;
  attempts = 0;

  constructor(draw) {
    this.#draw = draw;
  }

  /** Makes new ones in the place of those that have ended. */
  async renew(api) {
    while (this.#under.length < atOnce) {
      const tag = `family-${this.#made++}`;
      const headers = { "x-trigger-request-idempotency-key": tag };
      const body = { payload: { children, count }, options: { tags: [tag] } };
      const { id } = await api.get("POST", "/api/v1/tasks/leading/trigger", { body, headers });
      this.#under.push(new Family(id, tag));
    }
  }

  /** Some of what they wait for, for as long as the server lives. */
  async load(api) {
    const most = this.#under.map(() => Math.floor(this.#draw() * 4));
    await Promise.all(this.#under.map((family, at) => family.tend(api, most[at]).catch(forgive)));
  }

  /** Looks at those that have ended. */
  async check(api) {
    const still = [];
    for (const family of this.#under) {
      if (!(await family.isOver(api))) still.push(family);
      else await this.#judge(api, family);
    }
    this.#under = still;
    return this.#problems.splice(0);
  }

  /** Gives all of them what they wait for, and looks whether those that ended earlier are as they were. */
  async finish(api) {
    const until = performance.now() + patienceMs;
    const feeds = new Map(this.#under.map((family) => [family, new FeedReader(family.feed)]));
    while (this.#under.length > 0 && performance.now() < until) {
      for (const family of this.#under) {
        await family.tend(api, count);
        await feeds.get(family).poll(api);
      }
      this.#problems.push(...(await this.check(api)));
    }
    for (const family of this.#under) this.#problems.push(...(await family.standing(api)));
    for (const { id, end } of this.#ended) {
      const { status, output, finishedAt, metadata } = await api.get("GET", `/api/v3/runs/${id}`);
      if (!same({ status, output, finishedAt, metadata }, end)) this.#problems.push(`${id} has ended twice`);
    }
    return this.#problems.splice(0);
  }

  async #judge(api, family) {
    this.#problems.push(...(await family.judge(api)));
    this.lives += family.lives;
    for (const { id, status, output, finishedAt, metadata, attemptCount } of family.seen) {
      this.#ended.push({ id, end: { status, output, finishedAt, metadata } });
      this.attempts += attemptCount;
      this.runs += 1;
    }
  }
}

class Family {
  #id;
  #tag;
  #children = [];
  #over = { said: undefined };
  /** Its runs, as they were judged. */
  seen = [];
  lives = 0;

  constructor(id, tag) {
    this.#id = id;
    this.#tag = tag;
  }

  get feed() {
    return `/realtime/v1/runs?tags=${this.#tag}`;
  }

  /** Sends each child so many words more at most, and all of them what they wait for when they have had their words. */
  async tend(api, most) {
    if (this.#children.length < children) {
      const ids = await this.#list(api);
      for (const id of ids) if (!this.#children.some((child) => child.id === id)) this.#children.push(new Child(id));
    }
    await settleAll(this.#children.map((child) => child.tend(api, most)));
    if (this.#children.length < children || !this.#children.every((child) => child.isOver)) return;
    await send(api, this.#id, "over", `${this.#tag} is over`);
    this.#over.said = `${this.#tag} is over`;
  }

  async isOver(api) {
    return Boolean((await api.get("GET", `/api/v3/runs/${this.#id}`)).finishedAt);
  }

  /** Sentences, one for each thing that is not as it must be. */
  async judge(api) {
    const problems = [];
    const must = (holds, sentence) => holds || problems.push(`${this.#tag}: ${sentence}`);
    const run = await api.get("GET", `/api/v3/runs/${this.#id}`);
    const ids = this.#children.map(({ id }) => id).sort();
    must(run.status === "COMPLETED", `its first run ${run.id} is ${run.status}`);
    must(same(run.output?.ids?.toSorted(), ids), `it has triggered ${run.output?.ids}, and there are ${ids}`);
    must(same((await this.#list(api)).sort(), ids), "there are more runs than it has triggered");
    must(run.output?.over === this.#over.said, `it was told ${run.output?.over}`);
    const counted = run.metadata?.counted;
    must(counted === children * count, `${counted} words were counted, of ${children * count}`);
    this.seen.push(run);
    for (const child of this.#children) {
      const { run: childRun, problems: more, lives } = await child.judge(api);
      problems.push(...more.map((problem) => `${this.#tag}, ${child.id}: ${problem}`));
      this.seen.push(childRun);
      this.lives += lives;
    }
    return problems;
  }

  /** What it hangs at. */
  async standing(api) {
    const ids = [this.#id, ...this.#children.map(({ id }) => id)];
    const runs = await Promise.all(ids.map((id) => api.get("GET", `/api/v3/runs/${id}`)));
    return runs
      .filter((run) => !run.finishedAt)
      .map(
        (run) =>
          `${this.#tag}: ${run.id} (${run.taskIdentifier}) is ${run.status} for ever, attempt ${run.attemptCount}, ${JSON.stringify(run.metadata)}`,
      );
  }

  async #list(api) {
    const { data } = await api.get("GET", `/api/v1/runs?page[size]=100&filter[tag]=${this.#tag}`);
    return data.filter((run) => run.taskIdentifier === "taking").map(({ id }) => id);
  }
}

class Child {
  id;
  isOver = false;
  #words = [];
  #answers = [];

  constructor(id) {
    this.id = id;
  }

  async tend(api, most) {
    if (this.isOver) return;
    for (let n = 0; n < most && this.#words.length < count; n++) {
      const word = `word ${this.#words.length}`;
      await send(api, this.id, "words", word);
      this.#words.push(word);
    }
    if (this.#words.length < count) return;
    const [token] = await this.#tokens(api);
    if (!token) return;
    // Two answer, one after the other; whichever was first stays.
    if (token.status === "WAITING") {
      for (const by of ["first", "second"]) {
        const answer = `${by} of try ${this.#answers.length}`;
        this.#answers.push(answer);
        await api.get("POST", `/api/v1/waitpoints/tokens/${token.id}/complete`, { body: { data: answer } });
      }
    }
    this.isOver = Boolean((await api.get("GET", `/api/v3/runs/${this.id}`)).finishedAt);
  }

  async judge(api) {
    const problems = [];
    const must = (holds, sentence) => holds || problems.push(sentence);
    const read = async (stream) => {
      const reader = new StreamReader(`/realtime/v1/streams/${this.id}/${stream}`);
      await reader.catchUp(api);
      return reader.data;
    };
    const run = await api.get("GET", `/api/v3/runs/${this.id}`);
    must(run.status === "COMPLETED", `it is ${run.status}: ${JSON.stringify(run.error)}`);
    const { taken = [], answer } = run.output ?? {};
    must(same(taken, this.#words), `it took ${taken}, and was sent ${this.#words}`);
    const sent = await read("input/words");
    must(same(sent, this.#words), `its log holds ${sent}, and it was sent ${this.#words}`);
    const tokens = await this.#tokens(api);
    must(tokens.length === 1, `it has made ${tokens.length} tokens`);
    must(this.#answers.includes(answer), `nobody answered ${answer}`);
    const token = tokens[0] && (await api.get("GET", `/api/v1/waitpoints/tokens/${tokens[0].id}`));
    must(token?.output === answer, `it took ${answer}, and its token holds ${token?.output}`);
    must(run.metadata?.counted === count, `it has counted ${run.metadata?.counted} words of ${count}`);

    // It says the same in each life, as far as that goes, and at least one goes to the end.
    const whole = [...taken, ...Array.from({ length: tail }, (_, n) => `${answer} ${n}`)];
    const lives = new Map();
    for (const { life, step, word } of await read("log")) {
      const said = lives.get(life) ?? [];
      lives.set(life, said);
      must(
        step === said.length && word === whole[step],
        `it said ${word} as step ${step}, after ${said.length} others`,
      );
      said.push(word);
    }
    must(
      [...lives.values()].some((said) => said.length === whole.length),
      "no life of it has said everything",
    );
    return { run, problems, lives: lives.size };
  }

  async #tokens(api) {
    return (await api.get("GET", `/api/v1/waitpoints/tokens?filter[tags]=${this.id}`)).data;
  }
}

/** Sends once, however often it is asked to. */
function send(api, run, stream, data) {
  const headers = { "x-trigger-request-idempotency-key": `${run} ${data}` };
  return api.get("POST", `/realtime/v1/streams/${run}/input/${stream}`, { body: { data }, headers });
}

/** All of them to their end, and then the first failure. */
async function settleAll(promises) {
  const ends = await Promise.allSettled(promises);
  const failed = ends.map(({ reason }) => reason).filter(Boolean);
  if (failed.length > 0) throw failed.find((error) => !(error instanceof Lost)) ?? failed[0];
}

function forgive(error) {
  if (!(error instanceof Lost)) throw error;
}
