import { checksum } from "./workloads.mjs";

/** Reads a whole stream, in Node and in the page alike; `sample` is called now and then. */
export async function decode(subscribe, baseURL, runId, count, sample) {
  const every = Math.max(1, Math.floor(count / 20));
  let sum = 0;
  let parts = 0;
  const started = performance.now();
  await subscribe(
    baseURL,
    runId,
    "bench-token",
    (part) => {
      sum = checksum(sum, part);
      parts += 1;
      if (parts % every === 0) sample();
    },
    count,
  );
  return { ms: performance.now() - started, parts, sum };
}
