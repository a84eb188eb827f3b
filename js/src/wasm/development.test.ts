import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { clearWarning, warnInDevelopment } from "./development.js";

const warned = vi.fn();

beforeEach(() => {
  warned.mockReset();
  vi.spyOn(console, "warn").mockImplementation(warned);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

it("says the same thing once, and again when it has been over in between", () => {
  const subject = {};
  for (const words of ["once", "in other words"]) warnInDevelopment(() => words, subject);
  expect(warned.mock.calls).toEqual([["Tidegate: once"]]);
  clearWarning(subject);
  warnInDevelopment(() => "again", subject);
  expect(warned).toHaveBeenLastCalledWith("Tidegate: again");
  for (let n = 0; n < 2; n += 1) warnInDevelopment(() => "by its own words");
  expect(warned).toHaveBeenCalledTimes(3);
});

it("says nothing where there is nothing to say, and nothing in production", () => {
  warnInDevelopment(() => undefined);
  warnInDevelopment(() => false);
  vi.stubEnv("NODE_ENV", "production");
  const sentenceOf = vi.fn(() => "never");
  warnInDevelopment(sentenceOf);
  clearWarning({});
  expect(sentenceOf).not.toHaveBeenCalled();
  expect(warned).not.toHaveBeenCalled();
});

it("does no harm where there is no process", () => {
  const sentenceOf = vi.fn(() => "never");
  vi.stubGlobal("process", undefined);
  warnInDevelopment(sentenceOf);
  clearWarning({});
  vi.unstubAllGlobals();
  expect(sentenceOf).not.toHaveBeenCalled();
});
