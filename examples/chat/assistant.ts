import { metadata, streams, task } from "tidegate/task";
import { answerTo } from "./model.ts";
import {
  EMPTY,
  type Entry,
  follow,
  isMessage,
  isNews,
  type Message,
  nextTurn,
  type Said,
  type Stop,
  type Turn,
} from "./src/conversation.ts";

const messages = streams.input<Message>({ id: "messages" });
const stops = streams.input<Stop>({ id: "stops" });
const talk = streams.define<Entry>({ id: "talk" });

/** After so long without a word a conversation is over. */
const PATIENCE = "7d";
/** So long it listens before it begins to answer: whoever thinks better of a message at once, or while no worker was there, is heard. */
const GRACE_MS = 250;

/**
 * One run is one conversation. Between turns it sleeps, and takes up no slot; while it answers it listens for more.
 *
 * It may be started from the top at any moment, because its worker died or was replaced. Then its waits answer with what they have answered
 * before, and its handlers hear everything again. So it keeps nothing in mind but what it has written to `talk`, reads that first, and
 * goes by the ids of the messages: what has been taken is not taken again, and an answer goes on behind its last word.
 */
export const assistant = task({
  id: "assistant",
  // Each worker that dies in the middle of an answer takes an attempt with it.
  retry: { maxAttempts: 100, minTimeoutInMs: 250, maxTimeoutInMs: 10_000 },
  run: async (_: object, { ctx, signal }) => {
    const log = await TalkLog.open(ctx.run.id);
    describe(log);
    for (;;) {
      await answerAll(log, signal);
      const heard = await messages.wait({ timeout: PATIENCE });
      if (!heard.ok) return { turns: log.talk.turns.length };
      take(log, heard.output);
    }
  },
});

/** Answers until nothing is left to answer, and listens meanwhile. */
async function answerAll(log: TalkLog, signal: AbortSignal): Promise<void> {
  if (nextTurn(log.talk)) {
    for (let more = await messages.once({ timeoutMs: GRACE_MS }); more.ok; ) {
      take(log, more.output);
      more = await messages.once({ timeoutMs: GRACE_MS });
    }
    const listening = messages.on((message) => take(log, message));
    try {
      for (let turn = nextTurn(log.talk); turn; turn = nextTurn(log.talk)) {
        await answer(log, turn, signal);
        describe(log);
      }
    } finally {
      listening.off();
    }
  }
  await log.written;
}

async function answer(log: TalkLog, turn: Turn, signal: AbortSignal): Promise<void> {
  const { id } = turn;
  const stopping = new AbortController();
  // It names the answer that it is for: one that comes late stops no other.
  const listening = stops.on((stop) => {
    if (stop?.id === id) stopping.abort();
  });
  try {
    if (turn.state === "pending") log.write({ type: "begun", id });
    const options = { behind: turn.answer, signal: AbortSignal.any([signal, stopping.signal]) };
    for await (const text of answerTo(turn.text, options)) await log.write({ type: "wrote", id, text });
    signal.throwIfAborted();
    await log.write({ type: "ended", id, stopped: stopping.signal.aborted });
  } finally {
    listening.off();
  }
}

function take(log: TalkLog, message: unknown): void {
  if (!isMessage(message) || !isNews(log.talk, message)) return;
  log.write({ type: "queued", message });
  describe(log);
}

/** For lists of conversations, and whoever does not read along. */
function describe({ talk }: TalkLog): void {
  const asked = talk.turns.filter(({ text }) => text !== "");
  const title = asked[0]?.text.replace(/\s+/g, " ").trim() ?? "";
  metadata.set("title", title.length > 60 ? `${title.slice(0, 59)}…` : title);
  metadata.set("turns", asked.length).set("status", nextTurn(talk) ? "answering" : "waiting");
}

/** The stream `talk`, and what it amounts to. */
class TalkLog {
  talk = EMPTY;
  /** Resolves when everything so far is in the log; rejects when something did not get there, and then the attempt must end. */
  written: Promise<unknown> = Promise.resolve();
  readonly #life = crypto.randomUUID().slice(0, 8);

  /** Reads what earlier executions have written. Their word ends with the mark of this one, behind which nothing of theirs counts. */
  static async open(runId: string): Promise<TalkLog> {
    const log = new TalkLog();
    await talk.append({ type: "opened", life: log.#life });
    for await (const entry of await talk.read(runId)) {
      log.talk = follow(log.talk, entry);
      if (log.talk.life === log.#life) return log;
    }
    throw new Error("The run has ended.");
  }

  /** Counts at once. */
  write(said: Said): Promise<unknown> {
    const entry: Entry = { ...said, life: this.#life };
    this.talk = follow(this.talk, entry);
    this.written = Promise.all([this.written, talk.append(entry)]);
    this.written.catch(() => {});
    return this.written;
  }
}
