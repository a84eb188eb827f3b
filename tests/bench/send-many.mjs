/**
 * Makes `count` sends to one stream, `atOnce` at a time, in Node and in the page alike. `inOrder`: a send leaves when the one before it has
 * been taken, which an application has to see to itself where its client does not.
 */
export async function sendMany(send, { baseURL, count, atOnce, inOrder }) {
  const started = performance.now();
  let before;
  const next = (data) => {
    const leave = () => send(baseURL, "run_bench", "chat", "bench-token", data);
    before = inOrder && before ? before.then(leave) : leave();
    return before;
  };
  for (let sent = 0; sent < count; sent += atOnce) {
    await Promise.all(Array.from({ length: atOnce }, (_, index) => next(sent + index)));
  }
  return { ms: performance.now() - started };
}
