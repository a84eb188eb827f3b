/** Makes `count` sends, `atOnce` at a time, in Node and in the page alike. */
export async function sendMany(send, baseURL, count, atOnce) {
  const started = performance.now();
  for (let sent = 0; sent < count; sent += atOnce) {
    await Promise.all(
      Array.from({ length: atOnce }, (_, index) => send(baseURL, "run_bench", "chat", "bench-token", sent + index)),
    );
  }
  return { ms: performance.now() - started };
}
