// The core as WebAssembly beside the core as JavaScript: one stream through each, in this process, without a network.
//   node tests/bench/engines.mjs      after node js/scripts/build.mjs
const MEBIBYTES = 8;
const CHUNK = 2 ** 16;
const SIZES = [64, 1024, 65_536];
const dist = new URL("../../pkg/dist/", import.meta.url);
const coreFiles = { WebAssembly: ["core-runs.js", "packed-runs.js"], JavaScript: ["core-js.js"] };

function workload(size) {
  const text = "x".repeat(size);
  let events = "";
  let count = 0;
  for (; events.length < MEBIBYTES * 2 ** 20; count += 1) {
    const record = { body: JSON.stringify({ data: text, id: `p${count}` }), seq_num: count, timestamp: 0, headers: [] };
    const tail = { seq_num: count + 1, timestamp: 0 };
    events += `event: batch\nid: ${count}\ndata: ${JSON.stringify({ records: [record], tail })}\n\n`;
  }
  return { bytes: new TextEncoder().encode(events), count };
}

async function decode({ createEngine }, { bytes, count }) {
  globalThis.fetch = async () => {
    let at = 0;
    const body = new ReadableStream({
      pull(controller) {
        controller.enqueue(bytes.slice(at, at + CHUNK));
        at += CHUNK;
        if (at >= bytes.length) controller.close();
      },
    });
    return new Response(body, { headers: { "x-stream-version": "v2" } });
  };
  let seen = 0;
  const started = performance.now();
  await new Promise((resolve, reject) => {
    const engine = createEngine({
      event: ({ type, reason }) => type === "record-unreadable" && reject(new Error(reason)),
      parts(_, text, _id, form) {
        seen += form ? 1 : JSON.parse(text).length;
        if (seen === count) resolve();
      },
      rows() {},
      crashed: reject,
    });
    const principal = engine.openPrincipal("https://api.example.com", undefined, false, false);
    engine.setToken(principal, "tr_pat_bench");
    engine.subscribe(principal, "run_1", "draft", undefined, undefined);
  });
  return bytes.length / 2 ** 20 / ((performance.now() - started) / 1000);
}

const columns = ["MiB/s", ...SIZES.map((size) => `${size} B a part`)];
console.log(columns.map((name) => name.padStart(14)).join(""));
for (const [name, files] of Object.entries(coreFiles)) {
  const [{ startCore }, module] = await Promise.all(files.map((file) => import(new URL(file, dist))));
  const core = await startCore(module?.compressed);
  const speeds = [];
  for (const size of SIZES) {
    const work = workload(size);
    await decode(core, work);
    speeds.push(Math.max(await decode(core, work), await decode(core, work)));
  }
  console.log([name, ...speeds.map((speed) => speed.toFixed(0))].map((cell) => cell.padStart(14)).join(""));
}
