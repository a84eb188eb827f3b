// A thread in Node, with a clock of its own.
import "./fast-clock.mjs";
import { parentPort } from "node:worker_threads";
import { offersOf } from "./offers.mjs";

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
