// A thread in Node, with a clock of its own.
import "./fast-clock.mjs";
import { parentPort, workerData } from "node:worker_threads";
import { avoidWebAssembly } from "tidegate";
import { offersOf } from "./offers.mjs";

// Node's own fetch needs WebAssembly, so it cannot be taken away.
if (workerData.engine === "js") avoidWebAssembly();

const offers = offersOf();
process.on("unhandledRejection", (reason) => parentPort.postMessage({ uncaught: `unhandled rejection: ${reason}` }));
process.on("uncaughtException", (error) => parentPort.postMessage({ uncaught: `uncaught: ${error}` }));
parentPort.on("message", async ({ call, name, parameters }) => {
  try {
    parentPort.postMessage({ call, value: await offers[name](...parameters) });
  } catch (error) {
    parentPort.postMessage({ call, error });
  }
});
