import type { DebugDump, DumpedReader } from "../client/insight/dump.js";
import type { ReaderName } from "../client/insight/events.js";
import type { NumberedEvent } from "./use-page-state.js";

/** A table of the panel: the first column names the row. */
export interface PanelTable {
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: readonly { readonly key: number; readonly cells: readonly string[] }[];
  /** Instead of rows, when there are none. */
  readonly none: string;
}

export function tablesOf({ atMs: now, ...dump }: DebugDump, events: NumberedEvent[]): PanelTable[] {
  const { principals, readers, sends, calls } = dump;
  return [
    {
      caption: "Connections",
      head: ["reader", "status", "attempt", "next try", "position", "as"],
      rows: readers.map((reader) => ({
        key: reader.reader,
        cells: [
          nameOf(reader),
          words(reader.status, reader.isHeld && "held", reader.endReason, reader.code, reader.httpStatus),
          String(reader.attempt),
          reader.retryAtMs === undefined ? "" : span(reader.retryAtMs - now),
          reader.cursor ?? "",
          `#${reader.principal}`,
        ],
      })),
      none: "Nothing is read.",
    },
    {
      caption: "Sends and calls under way",
      head: ["to", "state", "attempt", "as"],
      rows: [
        ...sends.map(({ send, runId, streamId, state, waitingFor, attempt, code, principal }) => ({
          key: send,
          cells: [
            `${send}: ${streamId} of ${runId}`,
            words(state, waitingFor && `waits for ${waitingFor}`, code),
            String(attempt),
            `#${principal}`,
          ],
        })),
        ...calls.map(({ what, hasLeft, principal }, index) => ({
          key: -1 - index,
          cells: [what, hasLeft ? "asked" : "queued", "", `#${principal}`],
        })),
      ],
      none: "Nothing is being sent.",
    },
    {
      caption: "Tokens",
      head: ["as", "server", "from", "token", "expires"],
      rows: principals.map(({ principal, baseURL, isBranch, source, hasToken, isAsking, expiresAtMs }) => ({
        key: principal,
        cells: [
          `#${principal}`,
          words(baseURL, isBranch && "(preview branch)"),
          source,
          isAsking ? "asked for" : hasToken ? "there" : "none",
          expiresAtMs === undefined ? "" : expiresAtMs > now ? `in ${span(expiresAtMs - now)}` : "expired",
        ],
      })),
      none: "Nothing is going on.",
    },
    {
      caption: "Recent events",
      head: ["at", "event", "what"],
      rows: events.map(({ number, event: { type, atMs, ...rest } }) => ({
        key: number,
        cells: [new Date(atMs).toISOString().slice(11, 23), type, details(rest)],
      })),
      none: "Nothing has happened since this panel has been here.",
    },
  ];
}

function nameOf({ reader, kind, runId, key, batchId, tags }: ReaderName | DumpedReader): string {
  const what = key !== undefined ? `${key} of ${runId}` : (runId ?? batchId ?? (tags ? `${tags} tags` : "all"));
  return `${reader}: ${kind} ${what}`;
}

function details(fields: object): string {
  const rounded = (value: unknown) => (typeof value === "number" ? Math.round(value) : value);
  return Object.entries(fields)
    .map(([name, value]) => `${name} ${rounded(value)}`)
    .join(", ");
}

function words(...given: (string | number | false | undefined)[]): string {
  return given.filter(Boolean).join(" ");
}

function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
