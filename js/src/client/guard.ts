/** Calls foreign code. What it throws is reported to the page as uncaught, and never reaches the caller's bookkeeping. */
export function guard(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
