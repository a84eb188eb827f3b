/** What a feed's server says at once: messages, after which everything is up to date. */
export interface Batch {
  readonly messages: readonly object[];
  /** Answers that what the reader has is void, so that these messages are a new snapshot. */
  readonly refetch?: boolean;
}

let logs = 0;

/**
 * A `fetch` that serves a log, batch by batch, at an address of its own, where no reader of another one asks late; then it holds every
 * request until that is given up.
 */
export function serveLog(batches: readonly Batch[], schema: object) {
  logs += 1;
  const origin = `https://feed-${logs}.example.com`;
  let next = 0;
  let refused = -1;
  const fetch = async (input: RequestInfo | URL, init?: RequestInit) => {
    const url = new URL(input instanceof Request ? input.url : String(input));
    const live = url.searchParams.get("live") === "true";
    const batch = batches[next];
    if (!batch || url.origin !== origin) {
      return new Promise<Response>((_, reject) => {
        const abort = () => reject(new DOMException("aborted", "AbortError"));
        if (init?.signal?.aborted) abort();
        init?.signal?.addEventListener("abort", abort);
      });
    }
    if (batch.refetch && refused < next) {
      refused = next;
      const headers = { "electric-handle": `handle-${next}` };
      return Response.json([{ headers: { control: "must-refetch" } }], { status: 409, headers });
    }
    next += 1;
    const headers: Record<string, string> = {
      "electric-handle": url.searchParams.get("handle") ?? "handle",
      "electric-offset": `${next}_0`,
      "electric-up-to-date": "",
      ...(live ? { "electric-cursor": String(next) } : { "electric-schema": JSON.stringify(schema) }),
    };
    return Response.json([...batch.messages, { headers: { control: "up-to-date" } }], { headers });
  };
  return { origin, fetch };
}
