// What the core cannot do itself, in the language of the host: requests, one timer, and objects for the application.
// Here and not in Rust, because the same through wasm-bindgen-futures, web-sys and gloo-net, with serde-wasm-bindgen for the
// objects, cost a page 12 kB of gzip more when it was tried. Pages, workers and Node 20 run it as it is.

/** The longest delay that setTimeout takes; anything later is reached in steps. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * Firefox lets a second reader of an address wait until the first has its answer whole, in case it may be kept. Nothing of what is read may.
 * Where a host has no such cache, it may take offence at the word.
 */
const cache = "cache" in (globalThis.Request?.prototype ?? {}) ? "no-store" : undefined;

/** The one whose engine was made last: a panic ends every engine of the module. */
let latest;

// What `Core::call` of bindings.rs can be told, by number: an exported function for each would be 2 kB of gzip more.
const OPEN_PRINCIPAL = 0;
const CLOSE_PRINCIPAL = 1;
const SET_RENEWABLE = 2;
const SET_TOKEN = 3;
const FAIL_TOKEN = 4;
const SEND = 5;
const CANCEL_SEND = 6;
const RETRY_SEND = 7;
const FORGET_SEND = 8;
const SUBSCRIBE = 9;
const UNSUBSCRIBE = 10;
const SET_READING = 11;
const WAKE = 12;
const SET_ONLINE = 13;
const TIMEOUT = 14;
const BODY = 15;
const END = 16;
const FOLLOW = 17;
const CALL = 18;
const SET_VISIBLE = 19;
const HEAD = 20;

/** What a feed or a call is told of the head of an answer, a line each. The second names are those of old servers. */
const TOLD = [
  ["electric-handle", "electric-shape-id"],
  ["electric-offset", "electric-chunk-last-offset"],
  ["electric-cursor"],
  ["electric-schema"],
  ["x-trigger-jwt"],
];

function call(core, what, id = 0, number = 0, first = "", second = "", third = "") {
  return core.call(what, id, number, first, second, third);
}

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
  /** Until the core is given up: from then on nothing is asked of the page, nor told to it. */
  #core;
  #inFlight = new Map();
  #timer;
  #due = Number.POSITIVE_INFINITY;

  /** @param sink where the application listens */
  constructor(sink) {
    latest = this;
    this.#sink = sink;
  }

  /** Takes the core that was made for this host. */
  start(core) {
    this.#core = core;
    return new Engine(core, this);
  }

  // Requests

  send(id, url, token, branch, body, idempotencyKey, isCall) {
    const headers = { "content-type": "application/json", "x-trigger-request-idempotency-key": idempotencyKey };
    // A run that is triggered without it cannot be sent to.
    if (isCall) headers["x-trigger-realtime-streams-version"] = "v2";
    this.#perform(id, url, token, branch, headers, { method: "POST", body }, isCall);
  }

  read(id, url, token, branch, lastEventId, timeoutSeconds) {
    const headers = { accept: "text/event-stream" };
    if (lastEventId !== undefined) headers["last-event-id"] = lastEventId;
    if (timeoutSeconds !== undefined) headers["timeout-seconds"] = String(timeoutSeconds);
    this.#perform(id, url, token, branch, headers, {});
  }

  get(id, url, token, branch, isFeed) {
    // Without it a run that is dequeued is told to be executing.
    const headers = { "x-trigger-api-version": "2025-07-16" };
    if (isFeed) headers["x-trigger-electric-version"] = "1.0.0-beta.1";
    this.#perform(id, url, token, branch, headers, {}, true);
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

  async #perform(id, url, token, branch, headers, init, wantsText) {
    if (!this.#core) return;
    const controller = new AbortController();
    this.#inFlight.set(id, controller);
    const wanted = () => this.#inFlight.has(id);
    const request = { ...init, headers, cache, signal: controller.signal };
    let kind = 0;
    headers.authorization = `Bearer ${token}`;
    if (branch !== undefined) headers["x-trigger-branch"] = branch;
    try {
      const response = await this.fetch(url, request);
      if (!wanted()) return;
      this.#head(id, response);
      if (init.method && response.ok && !wantsText) {
        // The head of a success says it all: that the rest breaks off, or never comes, changes nothing.
        response.text().catch(() => {});
        this.#finish(BODY, id);
        return;
      }
      if (!response.ok || wantsText) {
        const text = await response.text();
        const told = TOLD.map((names) => names.map((name) => response.headers.get(name)).find(Boolean)).join("\n");
        if (wanted()) this.#finish(BODY, id, 0, text, told);
        return;
      }
      // No `for await`: Safari's streams are not iterable.
      const reader = response.body?.getReader();
      while (reader) {
        while (controller.released) await controller.released;
        const { done, value } = await reader.read();
        if (done) break;
        if (!wanted()) return;
        this.#core.chunk(id, value);
      }
    } catch {
      // The browser does not say why. It never left only if it makes no request at all: asked here, since it costs a third of a send.
      kind = isRequest(url, request) ? 2 : 1;
    }
    if (wanted()) this.#finish(END, id, kind);
  }

  /** What extends this one may know better. */
  fetch(url, init) {
    return fetch(url, init);
  }

  #head(id, { status, headers }) {
    const after = headers.get("retry-after") ?? "";
    // Seconds, or a date.
    const afterMs = Math.floor(Number.parseFloat(after) * 1000 || Date.parse(after) - Date.now());
    const isV2 = headers.get("x-stream-version") === "v2";
    const isIdempotent = headers.get("x-tidegate-idempotent") === "1";
    call(this.#core, HEAD, id, status | (isV2 << 10) | (isIdempotent << 11), String(afterMs));
  }

  #finish(what, id, number, text, told) {
    this.#inFlight.delete(id);
    call(this.#core, what, id, number, text, told);
  }

  // The timer

  /**
   * Calls back after so many milliseconds, or not at all. One that is armed for an earlier time is left: every chunk moves the
   * stall deadline, and a call back that comes too early costs less than setting the clock for each.
   */
  arm(ms) {
    if (ms === undefined || !this.#core) return this.#disarm();
    const due = performance.now() + ms;
    if (this.#due <= due) return;
    this.#disarm();
    this.#due = due;
    this.#timer = setTimeout(
      () => {
        this.#due = Number.POSITIVE_INFINITY;
        call(this.#core, TIMEOUT);
      },
      Math.min(ms, LONGEST_MS),
    );
  }

  #disarm() {
    clearTimeout(this.#timer);
    this.#due = Number.POSITIVE_INFINITY;
  }

  /** Gives everything up. A call of the core may be under way: nothing comes of it any more. */
  close() {
    this.#core = undefined;
    this.#disarm();
    for (const id of [...this.#inFlight.keys()]) this.abort(id);
  }

  // Events: the shapes of types.d.ts

  problem(code, retryable, status, serverMessage, subject, missingScope, limitBytes, actualBytes, expiredAtMs) {
    return { code, retryable, status, serverMessage, subject, missingScope, limitBytes, actualBytes, expiredAtMs };
  }

  tellTokenNeeded(principal) {
    this.#tell({ type: "token-needed", principal });
  }

  tellSend(send, state, waitingFor, attempt, error) {
    this.#tell({ type: "send-changed", send, state, waitingFor, attempt, error });
  }

  tellStream(isFeed, id, status, attempt, retryInMs, endReason, error) {
    const who = isFeed ? { type: "feed-changed", feed: id } : { type: "stream-changed", subscription: id };
    this.#tell({ ...who, status, attempt, retryInMs, endReason, error });
  }

  tellRows(...told) {
    this.#guard(() => this.#sink.rows(...told));
  }

  tellCall(call, text, token, unknown, error) {
    const answer = { type: "call-answered", call, text, token: token || undefined };
    this.#tell(error ? { type: "call-failed", call, unknown, error } : answer);
  }

  tellUnreadable(subscription, id, reason) {
    this.#tell({ type: "record-unreadable", subscription, id, reason });
  }

  tellParts(subscription, text, lastEventId, form) {
    this.#guard(() => this.#sink.parts(subscription, text, lastEventId, form));
  }

  /** The core is dead: nothing may call it any more. */
  tellCrash(place) {
    this.#guard(() => this.#sink.crashed(place));
    this.close();
  }

  #tell(event) {
    this.#guard(() => this.#sink.event(event));
  }

  /** An exception must not run through the core, whose stack it would cut: it is thrown again where it harms nobody else. */
  #guard(tell) {
    try {
      if (this.#core) tell();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

/** What a page calls: `Engine` of js/src/wasm/interface.ts. Every method returns at once; what happens later is told to the sink. */
export class Engine {
  #core;
  #host;

  constructor(core, host) {
    this.#core = core;
    this.#host = host;
  }

  /** Gives everything up. The memory goes with the instance. */
  free() {
    this.#host.close();
  }

  /**
   * Registers an identity at an endpoint. `baseUrl` has no trailing slash; `renewable` says that `token-needed` will be answered;
   * `scarce`, that readers have to take turns, since connections to the endpoint are few.
   */
  openPrincipal(baseUrl, branch, renewable, scarce) {
    return call(this.#core, OPEN_PRINCIPAL, 0, renewable | (scarce << 1), baseUrl, branch);
  }

  /** Ends an identity's readers and takes back its queued sends. */
  closePrincipal(principal) {
    call(this.#core, CLOSE_PRINCIPAL, principal);
  }

  /** Says whether `token-needed` will be answered from now on. */
  setRenewable(principal, renewable) {
    call(this.#core, SET_RENEWABLE, principal, +renewable);
  }

  /** Gives an identity its first or its next token. */
  setToken(principal, token) {
    call(this.#core, SET_TOKEN, principal, 0, token);
  }

  /** Says that the provider failed, in its words. */
  failToken(principal, message) {
    call(this.#core, FAIL_TOKEN, principal, 0, message);
  }

  /** Sends a value, given as JSON text. */
  send(principal, runId, streamId, json) {
    return call(this.#core, SEND, principal, 0, runId, streamId, json);
  }

  /** Takes a send back: `cancelled` when it has not left, `unknown` when it has. */
  cancelSend(send) {
    call(this.#core, CANCEL_SEND, send);
  }

  /** Makes a settled send again, under the same idempotency key. */
  retrySend(send) {
    call(this.#core, RETRY_SEND, send);
  }

  /** Frees a settled send. */
  forgetSend(send) {
    call(this.#core, FORGET_SEND, send);
  }

  /** Reads a stream, from its beginning or behind a record. The key `input/<id>` names an input stream. */
  subscribe(principal, runId, key, lastEventId, timeoutSeconds) {
    return call(this.#core, SUBSCRIBE, principal, timeoutSeconds ?? -1, runId, key, lastEventId);
  }

  /** Stops reading. Nothing more is told of it. */
  unsubscribe(subscription) {
    call(this.#core, UNSUBSCRIBE, subscription);
  }

  /** Says whether more parts of a stream are wanted. While they are not, its connection is left unread. */
  setReading(subscription, wanted) {
    call(this.#core, SET_READING, subscription, +wanted);
  }

  /**
   * Follows a feed of runs. `name` is a run id, a comma list of tags (none: every run) or a batch id, by `kind`: 0, 1, 2. `query` holds
   * further parameters, already encoded, or nothing. `endless`: it goes on after its run has finished.
   */
  follow(principal, kind, name, query, endless) {
    return call(this.#core, FOLLOW, principal, kind | (endless << 2), name, query);
  }

  /** Stops following. Nothing more is told of it. */
  unfollow(feed) {
    call(this.#core, UNSUBSCRIBE, feed);
  }

  /**
   * One request with an answer. `what`: 0 trigger a task, 1 complete a wait token, 2 retrieve a run, 3 cancel a run, 4 where a stored
   * packet lies. `body` is JSON text, or empty for what only reads.
   */
  call(principal, what, name, body) {
    return call(this.#core, CALL, principal, what, name, body);
  }

  /** Nothing more is told of that call. 1: it has not left. */
  cancelCall(id) {
    return call(this.#core, UNSUBSCRIBE, id);
  }

  /** The device woke up or the page is seen again: try now what waits. */
  wake() {
    call(this.#core, WAKE);
  }

  /** The network came or went. */
  setOnline(online) {
    call(this.#core, SET_ONLINE, 0, +online);
  }

  /** The page is seen, or nobody sees it: feeds pause then. */
  setVisible(visible) {
    call(this.#core, SET_VISIBLE, 0, +visible);
  }
}
