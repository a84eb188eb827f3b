/** Upper bound for a frame that never comes because the tab has been hidden meanwhile. */
const FRAME_TIMEOUT_MS = 100;
const FRAME_MS = 16;

/**
 * Runs `task` once: in `delayMs` if that is longer than a frame, else with the next animation frame, or by timer where
 * there are no frames (hidden tab, Node). Returns a function that cancels it.
 */
export function schedule(task: () => void, delayMs: number): () => void {
  const visible = typeof requestAnimationFrame === "function" && !globalThis.document?.hidden;
  let frame: number | undefined;
  const run = () => {
    cancel();
    task();
  };
  const usesFrame = visible && delayMs <= FRAME_MS;
  const timer = setTimeout(run, usesFrame ? FRAME_TIMEOUT_MS : delayMs);
  if (usesFrame) frame = requestAnimationFrame(run);
  const cancel = () => {
    clearTimeout(timer);
    if (frame !== undefined) cancelAnimationFrame(frame);
  };
  return cancel;
}
