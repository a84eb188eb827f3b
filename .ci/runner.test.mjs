import assert from "node:assert/strict";
import test from "node:test";
import { count } from "./runner.mjs";

const counted = {
  "test result: FAILED. 103 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 1.26s": [103, 1, 2],
  "test result: ok. 3 passed; 0 failed; 0 ignored; 0 filtered out; finished in 0.02s\n\n\ntest result: ok. 4 passed; 0 failed; 0 ignored; 0 filtered out":
    [7, 0, 0],
  "      Tests  1 failed | 280 passed | 2 skipped (283)": [280, 1, 2],
  "\u001b[2m      Tests \u001b[22m \u001b[1m\u001b[32m281 passed\u001b[39m\u001b[22m\u001b[90m (281)\u001b[39m": [
    281, 0, 0,
  ],
  "      Tests  3 failed (3)": [0, 3, 0],
  "contract: 105 passed, 0 failed, 18 skipped\n": [105, 0, 18],
  "e2e: 18 passed, 1 failed": [18, 1, 0],
  " Test Files  23 passed (23)\n 12 tests passed": [0, 0, 0],
};

for (const [output, [passed, failed, skipped]] of Object.entries(counted)) {
  test(`counts ${JSON.stringify(output.slice(0, 40))}`, () => {
    assert.deepEqual(count(output), { passed, failed, skipped });
  });
}
