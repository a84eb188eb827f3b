// The two formats in which a server hands out a stream of a run.
//   v2: an event holds a batch of records, whose bodies are JSON texts; the window ends with [DONE]
//   v1: an event is a part

const EPOCH = 1_712_150_400_000;
const DONE = "data: [DONE]\n\n";

/** Unique, and as long as the ids that writers make. */
const partId = (sequence) => (36 ** 6 + sequence * 7919).toString(36).padStart(7, "0");

function record(sequence, data) {
  return { seq_num: sequence, timestamp: EPOCH + sequence, body: JSON.stringify({ data, id: partId(sequence) }) };
}

/** Events of `batch` records each for the parts from `first` up to, not including, `end`. */
export function eventsV2(makePart, first, end, batch) {
  const events = [];
  for (let start = first; start < end; start += batch) {
    const records = [];
    for (let sequence = start; sequence < Math.min(end, start + batch); sequence++) {
      records.push(record(sequence, makePart(sequence)));
    }
    const last = records.at(-1);
    const tail = { seq_num: last.seq_num + 1, timestamp: last.timestamp };
    const data = JSON.stringify({ records, tail });
    events.push(`id: ${start},${records.length},${data.length}\nevent: batch\ndata: ${data}\n\n`);
  }
  return events.join("");
}

function eventsV1(makePart, count) {
  const events = [];
  for (let sequence = 0; sequence < count; sequence++) {
    events.push(`id: ${EPOCH + sequence}-0\ndata: ${JSON.stringify(makePart(sequence))}\n\n`);
  }
  return events.join("");
}

/** The whole response for a workload. */
export function bodyOf({ version, makePart, count, batch }) {
  return Buffer.from(version === "v1" ? eventsV1(makePart, count) : eventsV2(makePart, 0, count, batch) + DONE);
}
