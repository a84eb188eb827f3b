// What a host offers to the test.
import { createClient } from "tidegate";
import { attempt, attemptMany } from "./attempt.mjs";

export function offersOf({ hook = attempt } = {}) {
  const controls = new Map();
  return {
    attempt(id, job) {
      controls.set(id, {});
      return (job.hook ? hook : attempt)(job, controls.get(id));
    },
    control: (id, name) => controls.get(id)[name](),
    attemptMany,
    ranAs: () => createClient().engine,
  };
}
