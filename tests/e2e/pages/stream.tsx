import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createClient, type PartStream } from "tidegate";
import { TidegateProvider, useRealtimeStream } from "tidegate/react";

/** What a test asks of this page, and what the page has counted for it. */
export interface StreamPage {
  show(kind: "parts" | "text", key: string): void;
  hide(): void;
  /** Takes so many parts of a stream, in a loop of its own that goes on with the next call. Resolves with their lengths. */
  take(key: string, count: number): Promise<number[]>;
  /** How many parts have arrived and are not taken. */
  ahead(): number;
  /** From now on the page notices when it stands still. */
  watchSleep(): void;
  /** The longest time for which it did. */
  sleptMs: number;
  /** How often the component has been rendered since it was shown. */
  renders: number;
  /** Milliseconds of the longest task since it was shown, of those over 50 ms; else 0. */
  longestTaskMs: number;
  /** What the component has, put together. */
  text: string;
  status: string;
}

declare global {
  interface Window {
    streamPage: StreamPage;
  }
}

const page: StreamPage = {
  show,
  hide,
  take,
  ahead,
  watchSleep,
  sleptMs: 0,
  renders: 0,
  longestTaskMs: 0,
  text: "",
  status: "",
};
window.streamPage = page;

new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) page.longestTaskMs = Math.max(page.longestTaskMs, duration);
}).observe({ type: "longtask" });

function Parts({ streamKey }: { streamKey: string }) {
  const { parts, status } = useRealtimeStream<string>("run_1", streamKey);
  page.renders += 1;
  page.status = status;
  // Put together when the test asks: what is measured is the hook, not this.
  Object.defineProperty(page, "text", { configurable: true, get: () => parts.join("") });
  return <p>{parts.length} parts</p>;
}

function Text({ streamKey }: { streamKey: string }) {
  const { value, status } = useRealtimeStream<string, string>("run_1", streamKey, {
    reduce: (text, part) => text + part,
    initial: "",
  });
  page.renders += 1;
  page.status = status;
  Object.defineProperty(page, "text", { configurable: true, get: () => value });
  return <p>{value.length} characters</p>;
}

const root = createRoot(document.body.appendChild(document.createElement("main")));

function show(kind: "parts" | "text", key: string) {
  page.renders = page.longestTaskMs = 0;
  const Shown = kind === "parts" ? Parts : Text;
  root.render(
    <StrictMode>
      <TidegateProvider baseURL={location.origin} accessToken="tr_dev_page">
        <Shown streamKey={key} />
      </TidegateProvider>
    </StrictMode>,
  );
}

function hide() {
  Object.defineProperty(page, "text", { configurable: true, value: "" });
  root.render(null);
}

const client = createClient({ baseURL: location.origin, accessToken: "tr_dev_page" });
let loop: PartStream<string> | undefined;
let taken = 0;

async function take(key: string, count: number) {
  loop ??= client.stream<string>("run_1", key);
  const lengths = [];
  for (let n = 0; n < count; n += 1) lengths.push((await loop.next()).value.length);
  taken += count;
  return lengths;
}

function ahead() {
  return Number(loop?.lastEventId) + 1 - taken;
}

function watchSleep() {
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    page.sleptMs = Math.max(page.sleptMs, now - last);
    last = now;
  }, 20);
}
