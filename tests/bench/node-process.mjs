// A subject in a Node process of its own: runs a job twice, and prints what the second, warm run took.
//   node --expose-gc node-process.mjs decode|send SUBJECT JOB
import { getHeapStatistics } from "node:v8";
import { decode } from "./decode.mjs";
import { sendMany } from "./send-many.mjs";

const [, , what, name, text] = process.argv;
const job = JSON.parse(text);
const subject = await import(`./subjects/${name}.mjs`);
const run = {
  decode: (sample) => decode(subject.subscribe, job.baseURL, job.runId, job.count, sample),
  send: () => sendMany(subject.send, job),
}[what];

async function measure() {
  globalThis.gc();
  const heap = getHeapStatistics().used_heap_size;
  let peak = heap;
  const before = process.cpuUsage();
  const measured = await run(() => {
    peak = Math.max(peak, getHeapStatistics().used_heap_size);
  });
  const { user, system } = process.cpuUsage(before);
  return { ...measured, cpuMs: (user + system) / 1000, peakMB: (peak - heap) / 2 ** 20 };
}

const cold = await measure();
const warm = await measure();
console.log(JSON.stringify({ ...warm, coldMs: cold.ms, rssMB: process.resourceUsage().maxRSS / 1024 }));
process.exit(0);
