import type { Reporter, TestCase, TestResult } from "@playwright/test/reporter";

/** Closes the run with one line that counts. */
export default class Summary implements Reporter {
  #last = new Map<string, TestResult["status"]>();

  onTestEnd(test: TestCase, { status }: TestResult) {
    this.#last.set(test.id, status);
  }

  onEnd() {
    const count = (...statuses: string[]) =>
      [...this.#last.values()].filter((status) => statuses.includes(status)).length;
    const failed = count("failed", "timedOut", "interrupted");
    console.log(`e2e: ${count("passed")} passed, ${failed} failed, ${count("skipped")} skipped`);
  }
}
