// What is measured. A section has loads and subjects; `measure` makes one measurement of one subject under one load, `costs` are
// what subjects are compared by, the first of them in the table.
import { measureInNode } from "./in-node.mjs";
import { checksumOf, workloads } from "./workloads.mjs";

const all = ["official", "official-latest", "tidegate", "floor"];
const HOOK_PATIENCE_MS = 120_000;
const quickWorkloads = ["v2-tokens", "v2-token-batches", "v2-objects", "v2-tables", "v1-tokens"];

export function sectionsFor({ server, browser, quick }) {
  const subjects = quick ? all.filter((subject) => subject !== "official-latest") : all;
  const baseURL = server.address;

  const decoded = Object.entries(workloads)
    .filter(([name]) => !quick || quickWorkloads.includes(name))
    .map(([name, workload]) => ({ ...workload, name, sum: checksumOf(workload) }));
  const isComplete = ({ parts, sum }, load) => parts === load.count && sum === load.sum;
  const perSecond = ["parts/s", ({ ms }, { count }) => (count / ms) * 1000];
  const prepare = ({ name }) => fetch(`${baseURL}/prepare/${name}`).then((response) => response.text());
  const decodeIn = (measure) => async (subject, load) => {
    const measured = await measure(subject, { baseURL, runId: load.name, count: load.count });
    return { ...measured, isComplete: isComplete(measured, load) };
  };

  const hookLoads = [
    { throttleInMs: 16, rate: 0 },
    { throttleInMs: 0, rate: 0 },
    { throttleInMs: 16, rate: 10_000 },
  ].flatMap((load) => (quick ? [5_000, 20_000] : [5_000, 20_000, 50_000]).map((count) => ({ ...load, count })));

  // Tidegate keeps sends to one stream in order, so that they travel one after another: beside it, others that do. The official client
  // lets them overtake each other: what that spares, for a promise less, is a load of its own.
  const sends = (count) =>
    [
      { name: `${count} sends, 1 at once`, atOnce: 1 },
      { name: `${count} sends, 100 at once, in order`, atOnce: 100, inOrder: true },
      { name: `${count} sends, 100 at once, official and floor in any order`, atOnce: 100, isUneven: true },
    ]
      .slice(0, quick ? 1 : undefined)
      .map((load) => ({ ...load, count }));

  const toJob = (subject, { count, atOnce, inOrder }) => ({
    baseURL,
    count,
    atOnce,
    inOrder: inOrder && subject !== "tidegate",
  });

  return [
    {
      name: "decode-node",
      title: "Stream decode in Node (fresh process, second pass; CPU of all its threads)",
      subjects,
      loads: decoded,
      prepare,
      costs: ["cpuMs", "ms"],
      columns: [perSecond, ["wall ms", "ms"], ["CPU ms", "cpuMs"], ["heap MB", "peakMB"], ["RSS MB", "rssMB"]],
      measure: decodeIn((subject, job) => measureInNode("decode", subject, job)),
    },
    {
      name: "decode-chromium",
      title: "Stream decode in Chromium (fresh context, nothing warmed up)",
      subjects,
      loads: decoded,
      prepare,
      costs: ["busyMs", "ms"],
      columns: [
        perSecond,
        ["wall ms", "ms"],
        ["main thread ms", "busyMs"],
        ["CPU ms", "cpuMs"],
        ["longest task ms", "longestMs"],
        ["heap MB", "peakMB"],
        ["kept MB", "keptMB"],
        ["wasm MB", "wasmMB"],
      ],
      measure: decodeIn((subject, job) => browser.measure("decode.mjs", subject, job)),
    },
    {
      name: "hook",
      title: "The hook that gathers a stream, in Chromium with React 19",
      subjects,
      loads: hookLoads.map(({ throttleInMs, rate, count }) => ({
        name: `${count} parts, throttle ${throttleInMs}, ${rate ? `${rate}/s` : "full speed"}`,
        series: `throttle ${throttleInMs}, ${rate ? `${rate}/s` : "full speed"}`,
        runId: `hook-${count}-${rate}`,
        throttleInMs,
        count,
      })),
      prepare: ({ runId }) => prepare({ name: runId }),
      costs: ["busyMs"],
      columns: [
        ["last shown ms", "ms"],
        ["commits", "commits"],
        ["main thread ms", "busyMs"],
        ["CPU ms", "cpuMs"],
        ["longest task ms", "longestMs"],
        ["heap MB", "peakMB"],
      ],
      async measure(subject, { runId, throttleInMs, count }) {
        const job = { baseURL, runId, throttleInMs, count, patienceMs: HOOK_PATIENCE_MS };
        const measured = await browser.measure("hook.jsx", subject, job);
        return { ...measured, isComplete: measured.parts === count };
      },
    },
    {
      name: "send-node",
      title: "Sends in Node (fresh process, second pass); the floor is a bare fetch",
      subjects,
      loads: sends(1000),
      costs: ["cpuMs"],
      columns: [
        ["us/send", ({ ms }, { count }) => (ms / count) * 1000],
        ["CPU us/send", ({ cpuMs }, { count }) => (cpuMs / count) * 1000],
      ],
      measure: (subject, load) => measureInNode("send", subject, toJob(subject, load)),
    },
    {
      name: "send-chromium",
      title: "Sends in Chromium, to another origin; the floor is a bare fetch",
      subjects,
      loads: sends(300),
      costs: ["busyMs"],
      columns: [
        ["us/send", ({ ms }, { count }) => (ms / count) * 1000],
        ["main thread us/send", ({ busyMs }, { count }) => (busyMs / count) * 1000],
        ["CPU us/send", ({ cpuMs }, { count }) => (cpuMs / count) * 1000],
      ],
      measure: (subject, load) =>
        browser.measure("send.mjs", subject, toJob(subject, load), { baseURL, count: 5, atOnce: 1 }),
    },
  ];
}
