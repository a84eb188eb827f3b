import { Profiler, type ReactNode, StrictMode } from "react";
import { flushSync } from "react-dom";
import { createRoot } from "react-dom/client";
import { inject, onTestFinished, test } from "vitest";
import type { DifferenceName } from "../differences.js";

const PATIENCE_MS = 15_000;

/** What a person would see, commit by commit. */
export interface Screen<T> {
  /** What was shown, without what did not change. */
  readonly seen: T[];
  readonly now: T;
  readonly commits: number;
  /** What React had to unmount everything for. */
  readonly thrown: Error[];
  /** Resolves as soon as it is shown. */
  until(isIt: (shown: T) => boolean): Promise<T>;
  render(element: ReactNode): void;
  click(label: string): void;
  unmount(): void;
}

/** Puts an element, which shows one `<Shown>`, on a page. */
export function show<T>(element: ReactNode, { strict = false } = {}): Screen<T> {
  const container = document.body.appendChild(document.createElement("div"));
  const thrown: Error[] = [];
  const root = createRoot(container, { onUncaughtError: (error) => void thrown.push(error as Error) });
  const seen: T[] = [];
  const waiting = new Set<() => void>();
  let last = "";
  let commits = 0;
  const committed = () => {
    commits += 1;
    const text = container.querySelector("output")?.textContent ?? "";
    if (text !== last) {
      last = text;
      seen.push(JSON.parse(text));
    }
    for (const check of [...waiting]) check();
  };
  const screen: Screen<T> = {
    seen,
    thrown,
    get now() {
      return JSON.parse(last);
    },
    get commits() {
      return commits;
    },
    until: (isIt) =>
      new Promise((settle, reject) => {
        const check = () => {
          if (last === "" || !isIt(JSON.parse(last))) return;
          clearTimeout(timer);
          waiting.delete(check);
          settle(JSON.parse(last));
        };
        const timer = setTimeout(() => {
          waiting.delete(check);
          reject(
            new Error(`It was not shown. Shown was, in turn:\n${seen.map((one) => JSON.stringify(one)).join("\n")}`),
          );
        }, PATIENCE_MS);
        waiting.add(check);
        check();
      }),
    render: (next) => {
      const page = (
        <Profiler id="page" onRender={committed}>
          {next}
        </Profiler>
      );
      flushSync(() => root.render(strict ? <StrictMode>{page}</StrictMode> : page));
    },
    click: (label) => {
      const button = [...container.querySelectorAll("button")].find(({ textContent }) => textContent === label);
      if (!button) throw new Error(`There is no button ${label}.`);
      button.click();
    },
    unmount: () => root.unmount(),
  };
  onTestFinished(() => {
    root.unmount();
    container.remove();
  });
  screen.render(element);
  return screen;
}

/** What a component has to say, as text: dates as "date", so that it is the same for two runs. */
export function Shown({ value }: { value: unknown }) {
  return <output>{JSON.stringify(value, replaceDates)}</output>;
}

function replaceDates(this: Record<string, unknown>, key: string, value: unknown): unknown {
  return this[key] instanceof Date ? "date" : typeof value === "bigint" ? `${value}n` : value;
}

/** The values of a list without neighbours that are the same: how often something was shown is a matter of time. */
export function steps<T>(values: readonly T[]): T[] {
  return values.filter((value, index) => index === 0 || JSON.stringify(value) !== JSON.stringify(values[index - 1]));
}

/** The one of two expectations that is of the package which runs. */
export function by<T>(expectations: { original: T; tidegate: T }): T {
  return expectations[inject("side")];
}

/** Waits for what only one of them will show; for the other, a few frames. */
export function until(shown: Partial<Record<"original" | "tidegate", () => Promise<unknown>>>): Promise<unknown> {
  return (shown[inject("side")] ?? settled)();
}

/** A few frames, for what must not be shown. */
export const settled = () => new Promise((settle) => setTimeout(settle, 200));

/** A test of something in which the packages differ. It fails when either of them changes. */
export function difference(name: DifferenceName, body: () => Promise<void>): void {
  test(`differs: ${name}`, body);
}

/** What nobody caught while `body` ran. */
export async function uncaughtDuring(body: () => Promise<unknown>): Promise<unknown[]> {
  const uncaught: unknown[] = [];
  const before = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", (reason) => uncaught.push(reason));
  try {
    await body();
    await new Promise((settle) => setTimeout(settle));
  } finally {
    process.removeAllListeners("unhandledRejection");
    for (const listener of before) process.on("unhandledRejection", listener);
  }
  return uncaught;
}
