// How many sends a second the server takes, and whether all of them are in the log.

import { StreamReader } from "../crash/readers.mjs";
import { spread } from "./connection.mjs";

export async function measureSends({ api, address, secret }, { connections, count }) {
  const { id } = await api.get("POST", "/api/v1/tasks/nobody/trigger", { body: {} });
  const path = `/realtime/v1/streams/${id}/input/words`;
  const lanes = { connections, count };
  const ms = await spread(address, secret, lanes, (connection, n) =>
    connection.ask("POST", path, { data: n }, `x-trigger-request-idempotency-key: ${id}-${n}\r\n`),
  );
  const reader = new StreamReader(path);
  await reader.catchUp(api);
  const there = new Set(reader.data);
  return { ms, perSecond: (count / ms) * 1000, missing: count - there.size, repeated: reader.data.length - there.size };
}
