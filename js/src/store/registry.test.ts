import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { RELEASE_DELAY_MS, Registry } from "./registry.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const make = () => ({ dispose: vi.fn() });

it("makes one per key, for the first user", () => {
  const registry = new Registry();
  expect(registry.peek("a")).toBeUndefined();
  const first = registry.acquire("a", make);
  expect(registry.acquire("a", make)).toBe(first);
  expect(registry.peek("a")).toBe(first);
  expect(registry.acquire("b", make)).not.toBe(first);
});

it("disposes half a second after the last user has left", () => {
  const registry = new Registry();
  const value = registry.acquire("a", make);
  registry.acquire("a", make);
  registry.release("a");
  vi.advanceTimersByTime(10 * RELEASE_DELAY_MS);
  expect(value.dispose).not.toHaveBeenCalled();
  registry.release("a");
  vi.advanceTimersByTime(RELEASE_DELAY_MS - 1);
  expect(registry.peek("a")).toBe(value);
  vi.advanceTimersByTime(1);
  expect(value.dispose).toHaveBeenCalledTimes(1);
  expect(registry.peek("a")).toBeUndefined();
  expect(registry.acquire("a", make)).not.toBe(value);
});

it("keeps what is taken over in time, however often", () => {
  const registry = new Registry();
  const value = registry.acquire("a", make);
  for (let round = 0; round < 3; round += 1) {
    registry.release("a");
    vi.advanceTimersByTime(RELEASE_DELAY_MS - 1);
    expect(registry.acquire("a", make)).toBe(value);
    vi.advanceTimersByTime(10 * RELEASE_DELAY_MS);
  }
  expect(value.dispose).not.toHaveBeenCalled();
  expect(vi.getTimerCount()).toBe(0);
});

it("drops at once what nobody uses, and nothing that somebody does", () => {
  const registry = new Registry();
  const value = registry.acquire("a", make);
  registry.drop("a");
  expect(value.dispose).not.toHaveBeenCalled();
  registry.release("a");
  registry.drop("a");
  expect(value.dispose).toHaveBeenCalledTimes(1);
  expect(registry.peek("a")).toBeUndefined();
  expect(vi.getTimerCount()).toBe(0);
});
