import type { Reporter, SerializedError, TestModule, TestRunEndReason } from "vitest/node";
import { DefaultReporter } from "vitest/node";
import { differences } from "./differences.js";

const prefix = "differs: ";

/** Closes with the differences that the run has shown on both sides, and with the count that the other parts print. */
export default class Report extends DefaultReporter implements Reporter {
  #counts = { passed: 0, failed: 0 };
  /** Of each difference, whether it was as it is said: one verdict of each side. */
  #verdicts = new Map<string, boolean[]>();

  override onTestRunEnd(
    modules: readonly TestModule[],
    errors: readonly SerializedError[],
    reason: TestRunEndReason,
  ): void {
    this.#counts = { passed: 0, failed: errors.length };
    this.#verdicts.clear();
    for (const module of modules) {
      this.#counts.failed += module.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed" || state === "failed") this.#counts[state] += 1;
        const name = test.name.startsWith(prefix) && test.name.slice(prefix.length);
        if (name) this.#verdicts.set(name, [...(this.#verdicts.get(name) ?? []), state === "passed"]);
      }
    }
    super.onTestRunEnd(modules, errors, reason);
  }

  /** In the place of Vitest's own lines. */
  override reportTestSummary(): void {
    // Nothing has been picked by hand: vitest run.
    const isWhole = process.argv.length <= 3;
    this.log("Where it differs from @trigger.dev/react-hooks 4.8.3:\n");
    for (const [name, { original, tidegate }] of Object.entries(differences)) {
      const verdicts = this.#verdicts.get(name) ?? [];
      const isShown = verdicts.length === 2 && verdicts.every(Boolean);
      if (verdicts.length !== 2 && isWhole) {
        this.#counts.failed += 1;
        process.exitCode = 1;
      }
      this.log(`  ${name}${isShown ? "" : " (NOT SHOWN)"}\n    original: ${original}\n    tidegate: ${tidegate}`);
    }
    this.log(`\ncompat: ${this.#counts.passed} passed, ${this.#counts.failed} failed`);
  }
}
