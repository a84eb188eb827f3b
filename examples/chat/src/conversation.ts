/** What a page sends to the input stream `messages`. */
export interface Message {
  /** Made by the page. A record with an id that is there already replaces that message, as long as its answer has not begun. */
  id: string;
  /** From 1 on: of two records with one id the higher counts, in whatever order and however often they come. */
  revision: number;
  /** Empty: the message is taken back. */
  text: string;
}

/** What a page sends to the input stream `stops`: which answer shall end. */
export interface Stop {
  id: string;
}

/** What the task writes to its stream `talk`, from which everything that is known of a conversation is read. */
export type Entry = Said & {
  /** Which execution of the run wrote it. */
  life: string;
};

export type Said =
  | { type: "opened" }
  | { type: "queued"; message: Message }
  | { type: "begun"; id: string }
  | { type: "wrote"; id: string; text: string }
  | { type: "ended"; id: string; stopped: boolean };

/** A message and its answer. */
export interface Turn extends Message {
  state: "pending" | "answering" | "answered" | "stopped";
  answer: string;
}

export interface Conversation {
  /** The execution that has the word. */
  life: string;
  /** In the order in which the task took the messages. */
  turns: readonly Turn[];
}

export const EMPTY: Conversation = { life: "", turns: [] };

/** The longest text of a message. */
export const MOST_CHARACTERS = 4_000;

/**
 * What an entry makes of a conversation. The page shows what comes out, and the task that begins anew reads in it how far it had come, so
 * that both can be of one opinion only.
 */
export function follow(talk: Conversation, entry: Entry): Conversation {
  if (entry.type === "opened") return { ...talk, life: entry.life };
  // A process that was taken for dead may write a little more when another has taken over.
  if (entry.life !== talk.life) return talk;
  const id = entry.type === "queued" ? entry.message.id : entry.id;
  if (entry.type === "queued" && !talk.turns.some((turn) => turn.id === id)) {
    return { ...talk, turns: [...talk.turns, { ...entry.message, state: "pending", answer: "" }] };
  }
  return { ...talk, turns: talk.turns.map((turn) => (turn.id === id ? changed(turn, entry) : turn)) };
}

function changed(turn: Turn, entry: Exclude<Entry, { type: "opened" }>): Turn {
  switch (entry.type) {
    case "queued":
      return { ...turn, ...entry.message };
    case "begun":
      return { ...turn, state: "answering" };
    case "wrote":
      return { ...turn, answer: turn.answer + entry.text };
    case "ended":
      return { ...turn, state: entry.stopped ? "stopped" : "answered" };
  }
}

/** Whether this record changes anything: what has been taken before does not, and neither does what comes too late. */
export function isNews(talk: Conversation, { id, revision, text }: Message): boolean {
  const turn = talk.turns.find((known) => known.id === id);
  return turn ? turn.state === "pending" && revision > turn.revision : text !== "";
}

/** What is to be answered now: an answer that has begun goes first. */
export function nextTurn({ turns }: Conversation): Turn | undefined {
  return (
    turns.find(({ state }) => state === "answering") ??
    turns.find(({ state, text }) => state === "pending" && text !== "")
  );
}

/** What comes from a page may be anything. */
export function isMessage(value: unknown): value is Message {
  const { id, revision, text } = Object(value);
  if (typeof id !== "string" || id === "" || id.length > 64 || !Number.isSafeInteger(revision)) return false;
  return typeof text === "string" && text.length <= MOST_CHARACTERS;
}
