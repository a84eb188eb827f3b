import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { schedule } from "./scheduler.js";

let frames: Map<number, () => void>;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  frames = new Map();
  vi.stubGlobal("requestAnimationFrame", (frame: () => void) => {
    frames.set(frames.size + 1, frame);
    return frames.size;
  });
  vi.stubGlobal("cancelAnimationFrame", (id: number) => frames.delete(id));
  vi.stubGlobal("document", { hidden: false });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("waits for one animation frame, and leaves no timer behind", () => {
  const task = vi.fn();
  schedule(task, 16);
  expect(task).not.toHaveBeenCalled();
  frames.get(1)?.();
  expect(task).toHaveBeenCalledTimes(1);
  vi.runAllTimers();
  expect(task).toHaveBeenCalledTimes(1);
  expect(frames.size).toBe(0);
});

it("does not wait for ever for a frame of a tab that has been hidden meanwhile", () => {
  const task = vi.fn();
  schedule(task, 0);
  vi.advanceTimersByTime(100);
  expect(task).toHaveBeenCalledTimes(1);
  expect(frames.size).toBe(0);
});

it.each([
  ["a longer delay", 50, () => {}],
  ["a hidden tab", 10, () => vi.stubGlobal("document", { hidden: true })],
  ["a host without frames", 10, () => vi.stubGlobal("requestAnimationFrame", undefined)],
])("uses a timer for %s", (_, delayMs, prepare) => {
  prepare();
  const task = vi.fn();
  schedule(task, delayMs);
  expect(frames.size).toBe(0);
  vi.advanceTimersByTime(delayMs - 1);
  expect(task).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(task).toHaveBeenCalledTimes(1);
});

it.each([0, 50])("can be cancelled (%d ms)", (delayMs) => {
  const task = vi.fn();
  schedule(task, delayMs)();
  vi.runAllTimers();
  expect(frames.size).toBe(0);
  expect(task).not.toHaveBeenCalled();
});
