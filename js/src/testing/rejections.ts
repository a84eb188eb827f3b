import { afterEach, beforeEach, expect } from "vitest";

/** Each test fails in which a rejection is left unhandled. Hooks that end something come behind this, and so run before it looks. */
export function noRejectionsAreLeft(): void {
  const rejections: unknown[] = [];
  const onRejection = (reason: unknown) => rejections.push(reason);
  beforeEach(() => {
    rejections.length = 0;
    process.on("unhandledRejection", onRejection);
  });
  afterEach(async () => {
    // They are told of in a turn of their own.
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", onRejection);
    expect(rejections).toEqual([]);
  });
}
