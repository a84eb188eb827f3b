import type { Send } from "tidegate/react";
import { type Conversation, isMessage, type Message } from "./conversation";

/** A message as a person sees it, with its answer. */
export interface Line extends Message {
  /**
   * How far it has come. Of this page's own sends: `leaving`, `unknown` (it may have arrived), `rejected` (it has not). At the server,
   * where the task has not taken it: `sent`. With the task: the rest.
   */
  state: "leaving" | "unknown" | "rejected" | "sent" | "pending" | "answering" | "answered" | "stopped";
  answer: string;
  /** The newest send of this page that is about it. */
  send: Send<Message> | undefined;
  /** It is to be taken back; `text` is what it was. */
  isWithdrawn: boolean;
  /** A change that came when the answer had begun. */
  late: Message | undefined;
}

/** Puts together what the task has written, what has been sent to it by anybody, and what this page is about to send. */
export function linesOf(talk: Conversation, inbox: readonly Message[], sends: readonly Send<Message>[]): Line[] {
  const lines = new Map<string, Line>();
  for (const turn of talk.turns) {
    lines.set(turn.id, { ...turn, send: undefined, isWithdrawn: turn.text === "", late: undefined });
  }
  for (const message of inbox) put(lines, message);
  for (const send of sends) if (send.state !== "cancelled" && isMessage(send.data)) put(lines, send.data, send);
  return [...lines.values()].filter(({ text }) => text !== "");
}

function put(lines: Map<string, Line>, message: Message, send?: Send<Message>): void {
  const { id, revision, text } = message;
  const line = lines.get(id);
  const state = send ? stateOf(send) : "sent";
  if (!line) {
    lines.set(id, { ...message, state, answer: "", send, isWithdrawn: text === "", late: undefined });
  } else if (revision <= line.revision) {
    // It has been seen further on its way than the send knows.
    if (revision === line.revision && line.send === undefined && line.state === "sent") line.send = send;
  } else if (isBegun(line)) {
    if (!line.late || line.late.revision < revision) line.late = message;
  } else {
    const isWithdrawn = text === "";
    lines.set(id, { ...line, revision, text: isWithdrawn ? line.text : text, state, send, isWithdrawn });
  }
}

export const isBegun = ({ state }: Line) => state === "answering" || state === "answered" || state === "stopped";

function stateOf({ state }: Send<Message>): Line["state"] {
  if (state === "accepted") return "sent";
  return state === "unknown" || state === "rejected" ? state : "leaving";
}

/** The records of the input stream as they lie in its log: texts of JSON. */
export function readMessage(record: unknown): Message[] {
  try {
    const message = typeof record === "string" ? JSON.parse(record) : record;
    return isMessage(message) ? [message] : [];
  } catch {
    return [];
  }
}
