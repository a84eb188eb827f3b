// Event streams as data.

/** The whole events of a text: `{ kind, id?, data }`; `kind` is `done` for the closing `[DONE]`. */
export function readEvents(text) {
  return text
    .split("\n\n")
    .slice(0, -1)
    .map((block) => {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s, 2)));
      if (fields.data === "[DONE]") return { kind: "done" };
      return { kind: fields.event, id: fields.id, data: JSON.parse(fields.data) };
    });
}

/** The records of a batch event, their bodies opened: `{ seq_num, timestamp, data?, id }`. */
export function recordsOf({ data }) {
  return data.records.map(({ seq_num, timestamp, body }) => ({ seq_num, timestamp, ...JSON.parse(body) }));
}

/**
 * What two recordings of the same stream have in common: pings after the first come when they like, times are times, and the ids that
 * a server makes have a shape.
 */
export function essence(text) {
  const events = readEvents(text);
  const firstPing = events.findIndex(({ kind }) => kind === "ping");
  return events
    .filter(({ kind }, index) => kind !== "ping" || index === firstPing)
    .map((event) => {
      if (event.kind === "done") return event;
      const tail = event.data.tail && { seq_num: event.data.tail.seq_num, timestamp: event.data.tail.timestamp > 0 };
      if (event.kind === "ping") return { kind: "ping", timestamp: typeof event.data.timestamp, tail };
      const records = recordsOf(event).map((record) => ({
        ...record,
        timestamp: typeof record.timestamp,
        id: shape(record.id),
      }));
      return { kind: event.kind, id: event.id, records, tail };
    });
}

function shape(id) {
  if (/^inp_[0-9a-f]{12}$/.test(id)) return "inp_ and 12 hex digits";
  return /^[\w-]{7}$/.test(id) ? "7 characters" : id;
}
