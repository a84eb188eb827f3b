// Time as the client sees it, six times as fast: it waits a minute for an answer, and a table that did would not be run often.
// The sockets and the server keep their own time.
const factor = 6;

const { setTimeout } = globalThis;
const now = performance.now.bind(performance);
globalThis.setTimeout = (call, ms, ...rest) => setTimeout(call, ms / factor, ...rest);
performance.now = () => now() * factor;
