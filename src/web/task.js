// A panic of a task's machines: thrown through them, since nothing calls that instance again.
export function tellCrash(file, line) {
  throw new Error(`The WebAssembly core stopped (${file}:${line}).`);
}
