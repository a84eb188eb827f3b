// Readers of one stream at once: what they cost, and whether each gets every record.
import { once } from "node:events";
import { start } from "../../.ci/processes.mjs";
import { Connection } from "./connection.mjs";
import { memoryOf, withMostFiles } from "./process.mjs";

/** So many processes share the readers, so that they are not slower than what they read. */
const processes = 2;
const records = 20;

export async function measureReading({ api, address, secret, pid }, count) {
  const { id } = await api.get("POST", "/api/v1/tasks/nobody/trigger", { body: {} });
  const path = `/realtime/v1/streams/${id}/steps`;
  const [program, parameters] = withMostFiles(process.execPath, ["tests/load/readers.mjs"]);
  const before = memoryOf(pid);
  const began = performance.now();
  const crowds = Array.from({ length: processes }, (_, at) => {
    const child = start(program, parameters, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const share = Math.floor(count / processes) + (at < count % processes ? 1 : 0);
    child.send({ url: address + path, secret, count: share, records });
    return child;
  });
  // What one of them says next, unless it ends.
  const heard = (child) =>
    Promise.race([
      once(child, "message").then(([message]) => message),
      once(child, "close").then(([code]) => Promise.reject(new Error(`a process of readers ended with code ${code}`))),
    ]);
  const opened = await Promise.all(crowds.map(heard));
  const openMs = performance.now() - began;
  const memory = memoryOf(pid) - before;
  let ends = opened;
  const written = performance.now();
  if (opened.every(({ open }) => open)) {
    const told = Promise.all(crowds.map(heard));
    const connection = await Connection.open(address, secret);
    for (let n = 0; n < records; n++) {
      await connection.ask("POST", `/realtime/v1/streams/${id}/self/steps/append`, { n }, `x-part-id: ${n}\r\n`);
    }
    connection.close();
    ends = await told;
  }
  const readMs = performance.now() - written;
  const whole = ends.reduce((sum, end) => sum + (end.whole ?? 0), 0);
  const wrong = ends.flatMap((end) => end.wrong ?? [])[0];
  const closed = crowds.map((crowd) => once(crowd, "close"));
  for (const crowd of crowds) crowd.kill();
  await Promise.all(closed);
  return { whole, wrong, records, openMs, readMs, perSecond: ((whole * records) / readMs) * 1000, memory };
}
