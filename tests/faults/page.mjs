// What the page in Chromium offers to the test.
import { attempt, attemptMany } from "./attempt.mjs";
import { attemptInHook } from "./hook-attempt.mjs";

const controls = new Map();

window.tidegateFaults = {
  attempt(id, job) {
    controls.set(id, {});
    return (job.hook ? attemptInHook : attempt)(job, controls.get(id));
  },
  control: (id, name) => controls.get(id)[name](),
  attemptMany,
};
