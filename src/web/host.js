// What the core cannot do itself, in the language of the host: requests, one timer, and objects for the application.
// Here and not in Rust, because the same through wasm-bindgen-futures, web-sys and gloo-net, with serde-wasm-bindgen for the
// objects, cost a page 12 kB of gzip more when it was tried. Pages, workers and Node 20 run it as it is.

/** The longest delay that setTimeout takes; anything later is reached in steps. */
const LONGEST_MS = 2 ** 31 - 1;

/** The one whose engine was made last: a panic ends every engine of the module. */
let latest;

export function tellCrash(file, line) {
  latest?.tellCrash(`${file}:${line}`);
}

function isRequest(url, init) {
  try {
    return !!new Request(url, init);
  } catch {
    return false;
  }
}

export class Host {
  #sink;
  #news;
  #inFlight = new Map();
  #timer;
  #due = Number.POSITIVE_INFINITY;

  /**
   * @param sink where the application listens
   * @param onTimer the time asked for has come
   * @param onHead (id, status, retryAfterSeconds | undefined, isV2, isIdempotent)
   * @param onBody (id, text)
   * @param onChunk (id, bytes)
   * @param onEnd (id, kind): 0 the body ended, 1 it never left, 2 it may have left and there is no (further) answer
   */
  constructor(sink, onTimer, onHead, onBody, onChunk, onEnd) {
    latest = this;
    this.#sink = sink;
    this.#news = { onTimer, onHead, onBody, onChunk, onEnd };
  }

  // Requests

  send(id, url, token, branch, body, idempotencyKey) {
    const headers = { "content-type": "application/json", "x-trigger-request-idempotency-key": idempotencyKey };
    this.#perform(id, url, token, branch, headers, { method: "POST", body });
  }

  read(id, url, token, branch, lastEventId, timeoutSeconds) {
    const headers = { accept: "text/event-stream" };
    if (lastEventId !== undefined) headers["last-event-id"] = lastEventId;
    if (timeoutSeconds !== undefined) headers["timeout-seconds"] = String(timeoutSeconds);
    this.#perform(id, url, token, branch, headers, {});
  }

  get(id, url, token, branch) {
    this.#perform(id, url, token, branch, {}, {});
  }

  abort(id) {
    this.setReading(id, true);
    const controller = this.#inFlight.get(id);
    this.#inFlight.delete(id);
    controller?.abort();
  }

  /** While a body is not wanted it stays in the socket, which fills, so that the server has to wait. */
  setReading(id, wanted) {
    const controller = this.#inFlight.get(id);
    if (!controller) return;
    controller.release?.();
    controller.released = wanted
      ? undefined
      : new Promise((release) => {
          controller.release = release;
        });
  }

  async #perform(id, url, token, branch, headers, init) {
    const controller = new AbortController();
    this.#inFlight.set(id, controller);
    const wanted = () => this.#inFlight.has(id);
    const request = { ...init, headers, signal: controller.signal };
    let kind = 0;
    headers.authorization = `Bearer ${token}`;
    if (branch !== undefined) headers["x-trigger-branch"] = branch;
    try {
      const response = await fetch(url, request);
      if (!wanted()) return;
      this.#head(id, response);
      if (init.method && response.ok) {
        // The head of a success says it all: that the rest breaks off, or never comes, changes nothing.
        response.text().catch(() => {});
        this.#finish(id, this.#news.onBody, "");
        return;
      }
      if (!response.ok || !headers.accept) {
        const text = await response.text();
        if (wanted()) this.#finish(id, this.#news.onBody, text);
        return;
      }
      // No `for await`: Safari's streams are not iterable.
      const reader = response.body?.getReader();
      while (reader) {
        while (controller.released) await controller.released;
        const { done, value } = await reader.read();
        if (done) break;
        if (!wanted()) return;
        this.#news.onChunk(id, value);
      }
    } catch {
      // The browser does not say why. It never left only if it makes no request at all: asked here, since it costs a third of a send.
      kind = isRequest(url, request) ? 2 : 1;
    }
    if (wanted()) this.#finish(id, this.#news.onEnd, kind);
  }

  #head(id, { status, headers }) {
    const after = Number.parseFloat(headers.get("retry-after"));
    const isV2 = headers.get("x-stream-version") === "v2";
    const isIdempotent = headers.get("x-tidegate-idempotent") === "1";
    this.#news.onHead(id, status, Number.isNaN(after) ? undefined : after, isV2, isIdempotent);
  }

  #finish(id, tell, value) {
    this.#inFlight.delete(id);
    tell(id, value);
  }

  // The timer

  /**
   * Calls back after so many milliseconds, or not at all. One that is armed for an earlier time is left: every chunk moves the
   * stall deadline, and a call back that comes too early costs less than setting the clock for each.
   */
  arm(ms) {
    if (ms === undefined) return this.#disarm();
    const due = performance.now() + ms;
    if (this.#due <= due) return;
    this.#disarm();
    this.#due = due;
    this.#timer = setTimeout(
      () => {
        this.#due = Number.POSITIVE_INFINITY;
        this.#news.onTimer();
      },
      Math.min(ms, LONGEST_MS),
    );
  }

  #disarm() {
    clearTimeout(this.#timer);
    this.#due = Number.POSITIVE_INFINITY;
  }

  close() {
    this.#disarm();
    for (const id of [...this.#inFlight.keys()]) this.abort(id);
  }

  // Events: the shapes of types.d.ts

  problem(code, retryable, status, serverMessage, missingScope, limitBytes, actualBytes, expiredAtMs) {
    return { code, retryable, status, serverMessage, missingScope, limitBytes, actualBytes, expiredAtMs };
  }

  tellTokenNeeded(principal) {
    this.#tell({ type: "token-needed", principal });
  }

  tellSend(send, state, waitingFor, attempt, error) {
    this.#tell({ type: "send-changed", send, state, waitingFor, attempt, error });
  }

  tellStream(subscription, status, attempt, retryInMs, endReason, error) {
    this.#tell({ type: "stream-changed", subscription, status, attempt, retryInMs, endReason, error });
  }

  tellUnreadable(subscription, id, reason) {
    this.#tell({ type: "record-unreadable", subscription, id, reason });
  }

  tellParts(subscription, json, lastEventId) {
    this.#guard(() => this.#sink.parts(subscription, json, lastEventId));
  }

  /** The core is dead: nothing may call it any more. */
  tellCrash(place) {
    this.close();
    this.#guard(() => this.#sink.crashed(place));
  }

  #tell(event) {
    this.#guard(() => this.#sink.event(event));
  }

  /** An exception must not run through the core, whose stack it would cut: it is thrown again where it harms nobody else. */
  #guard(call) {
    try {
      call();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
