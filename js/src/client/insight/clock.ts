/** When the clock of `performance.now()` began, in milliseconds since 1970. Not every host says. */
export function origin(): number {
  return performance.timeOrigin || Date.now() - performance.now();
}
