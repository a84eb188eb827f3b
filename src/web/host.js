// What the core cannot do itself, in the language of the host: requests, one timer, and objects for the application.
// Here and not in Rust, because the same through wasm-bindgen-futures, web-sys and gloo-net, with serde-wasm-bindgen for the
// objects, cost a page 12 kB of gzip more when it was tried. Pages, workers and Node 20 run it as it is.
// Constants stand first, and the rest is functions in a function: so their names are as short as can be where it is sent.

/** False where the module beside it neither follows runs nor calls: what only these use is left out there. */
const RUNS = typeof TIDEGATE_RUNS === "undefined" || TIDEGATE_RUNS;

/** The longest delay that setTimeout takes; anything later is reached in steps. */
const LONGEST_MS = 2 ** 31 - 1;

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

/**
 * Firefox lets a second reader of an address wait until the first has its answer whole, in case it may be kept. Nothing of what is read may.
 * Where a host has no such cache, it may take offence at the word.
 */
const cache = "cache" in (globalThis.Request?.prototype ?? {}) ? "no-store" : undefined;

// Where something stands, as convert.rs counts it. A queued send: what it waits for; any other: its state, behind those.
const HOLDS = "turn token online backoff".split(" ");
const STATES = "sending accepted rejected unknown cancelled".split(" ");
// A reader: its status; behind those, beginning with the last of them, why it is over.
const STATUSES = "connecting live reconnecting paused ended".split(" ");
const END_REASONS = "run-finished gone not-found forbidden unauthorized refused".split(" ");

/** Tells of a panic whose engine was made last: it ends every engine of the module. */
let crash;

export function tellCrash(file, line) {
  crash?.(`${file}:${line}`);
}

/** What a feed or a call is told of the head of an answer, a line each. The second names are those of old servers. */
function toldBy(headers) {
  return [
    ["electric-handle", "electric-shape-id"],
    ["electric-offset", "electric-chunk-last-offset"],
    ["electric-cursor"],
    ["electric-schema"],
    ["x-trigger-jwt"],
  ]
    .map((names) => names.map((name) => headers.get(name)).find(Boolean))
    .join("\n");
}

function isRequest(url, init) {
  try {
    return !!new Request(url, init);
  } catch {
    return false;
  }
}

/**
 * What the core of an engine calls, with `start`, which takes that core and returns what a page calls.
 *
 * @param sink where the application listens
 * @param request makes a request
 */
export function createHost(sink, request = (url, init) => fetch(url, init)) {
  let core;
  /** Until the core is given up: from then on nothing is asked of the page, nor told to it. */
  let isOpen = false;
  const inFlight = new Map();
  let timer;
  /** When it rings, where it is armed. */
  let due;

  const call = (what, id = 0, number = 0, first = "", second = "", third = "") =>
    core.call(what, id, number, first, second, third);

  // Requests

  const perform = async (id, url, token, branch, init, wantsText) => {
    if (!isOpen) return;
    const controller = new AbortController();
    inFlight.set(id, controller);
    const wanted = () => inFlight.has(id);
    const finish = (what, number, text, told) => {
      if (!wanted()) return;
      inFlight.delete(id);
      call(what, id, number, text, told);
    };
    init.headers.authorization = `Bearer ${token}`;
    if (branch) init.headers["x-trigger-branch"] = branch;
    init.signal = controller.signal;
    try {
      const response = await request(url, init);
      if (!wanted()) return;
      tellHead(id, response, init.method);
      if (init.method && response.ok && !wantsText) {
        // The head of a success says it all: that the rest breaks off, or never comes, changes nothing.
        response.text().catch(() => {});
        return finish(BODY);
      }
      if (!response.ok || wantsText) {
        const text = await response.text();
        return finish(BODY, 0, text, RUNS ? toldBy(response.headers) : "");
      }
      // No `for await`: Safari's streams are not iterable.
      const reader = response.body?.getReader();
      while (reader) {
        while (controller.released) await controller.released;
        const { done, value } = await reader.read();
        if (done) break;
        if (!wanted()) return;
        core.chunk(id, value);
      }
      finish(END);
    } catch {
      // The browser does not say why. It never left only if it makes no request at all: asked here, since it costs a third of a send.
      finish(END, isRequest(url, init) ? 2 : 1);
    }
  };

  const tellHead = (id, { status, headers }, isPost) => {
    // A site that answers whatever it is asked with its page has taken nothing.
    if (isPost && status < 300 && /html/.test(headers.get("content-type"))) status = 404;
    const after = headers.get("retry-after");
    // Seconds, or a date.
    const afterMs = after && Math.floor(Number.parseFloat(after) * 1000 || Date.parse(after) - Date.now());
    const isV2 = headers.get("x-stream-version") === "v2";
    const isIdempotent = headers.get("x-tidegate-idempotent") === "1";
    call(HEAD, id, status | (isV2 << 10) | (isIdempotent << 11), `${afterMs || ""}`);
  };

  const setReading = (id, wanted) => {
    const controller = inFlight.get(id);
    if (!controller) return;
    controller.release?.();
    controller.released = wanted
      ? undefined
      : new Promise((release) => {
          controller.release = release;
        });
  };

  const abort = (id) => {
    setReading(id, true);
    const controller = inFlight.get(id);
    inFlight.delete(id);
    controller?.abort();
  };

  // The timer

  const disarm = () => {
    clearTimeout(timer);
    due = undefined;
  };

  /** Gives everything up. A call of the core may be under way: nothing comes of it any more. */
  const close = () => {
    isOpen = false;
    disarm();
    for (const [id] of inFlight) abort(id);
  };

  // Events: the shapes of types.d.ts

  /** An exception must not run through the core, whose stack it would cut: it is thrown again where it harms nobody else. */
  const guard = (tell) => {
    try {
      if (isOpen) tell();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  };
  const tell = (event) => guard(() => sink.event(event));

  /** The core is dead: nothing may call it any more. */
  crash = (place) => {
    guard(() => sink.crashed(place));
    close();
  };

  return {
    send(id, url, token, branch, body, idempotencyKey, isCall) {
      const headers = { "content-type": "application/json", "x-trigger-request-idempotency-key": idempotencyKey };
      // A run that is triggered without it cannot be sent to.
      if (RUNS && isCall) headers["x-trigger-realtime-streams-version"] = "v2";
      // Nobody keeps the answer to a POST, so that it needs no word on `cache`, which adds headers.
      perform(id, url, token, branch, { method: "POST", headers, body }, RUNS && isCall);
    },

    read(id, url, token, branch, lastEventId, timeoutSeconds) {
      const headers = { accept: "text/event-stream" };
      if (lastEventId) headers["last-event-id"] = lastEventId;
      if (timeoutSeconds) headers["timeout-seconds"] = String(timeoutSeconds);
      perform(id, url, token, branch, { headers, cache });
    },

    get(id, url, token, branch, isFeed) {
      // Without it a run that is dequeued is told to be executing.
      const headers = { "x-trigger-api-version": "2025-07-16" };
      if (RUNS && isFeed) headers["x-trigger-electric-version"] = "1.0.0-beta.1";
      perform(id, url, token, branch, { headers, cache }, true);
    },

    abort,

    /** While a body is not wanted it stays in the socket, which fills, so that the server has to wait. */
    setReading,

    /**
     * Calls back at that time, on the clock of `performance.now()`, or not at all. One that is armed for an earlier time is left: every
     * chunk moves the stall deadline, and a call back that comes too early costs less than setting the clock for each.
     */
    arm(at) {
      if (at === undefined || !isOpen) return disarm();
      if (due <= at) return;
      disarm();
      due = at;
      timer = setTimeout(
        () => {
          disarm();
          call(TIMEOUT);
        },
        Math.min(at - performance.now(), LONGEST_MS),
      );
    },

    problem(code, retryable, status, serverMessage, subject, missingScope, limitBytes, actualBytes, expiredAtMs) {
      return { code, retryable, status, serverMessage, subject, missingScope, limitBytes, actualBytes, expiredAtMs };
    },

    tellTokenNeeded: (principal) => tell({ type: "token-needed", principal }),

    tellSend(send, standing, attempt, error) {
      const state = STATES[standing - 4] ?? "queued";
      tell({ type: "send-changed", send, state, waitingFor: HOLDS[standing], attempt, error });
    },

    tellStream(isFeed, id, standing, attempt, retryInMs, error) {
      const who = RUNS && isFeed ? { type: "feed-changed", feed: id } : { type: "stream-changed", subscription: id };
      const status = STATUSES[standing] ?? "failed";
      tell({ ...who, status, attempt, retryInMs, endReason: END_REASONS[standing - 4], error });
    },

    tellUnreadable: (subscription, id, reason) => tell({ type: "record-unreadable", subscription, id, reason }),

    tellParts: (...told) => guard(() => sink.parts(...told)),

    ...(RUNS && {
      tellRows: (...told) => guard(() => sink.rows(...told)),

      tellCall(call, text, token, unknown, error) {
        const answer = { type: "call-answered", call, text, token: token || undefined };
        tell(error ? { type: "call-failed", call, unknown, error } : answer);
      },
    }),

    /** Takes the core that was made for this host, and returns its `Engine` of js/src/wasm/interface.ts. */
    start(given) {
      core = given;
      isOpen = true;
      return {
        /** Gives everything up. The memory goes with the instance. */
        free: close,

        /**
         * Registers an identity at an endpoint. `baseUrl` has no trailing slash; `renewable` says that `token-needed` will be answered;
         * `scarce`, that readers have to take turns, since connections to the endpoint are few.
         */
        openPrincipal: (baseUrl, branch, renewable, scarce) =>
          call(OPEN_PRINCIPAL, 0, renewable | (scarce << 1), baseUrl, branch),

        /** Ends an identity's readers and takes back its queued sends. */
        closePrincipal: (principal) => call(CLOSE_PRINCIPAL, principal),

        /** Says whether `token-needed` will be answered from now on. */
        setRenewable: (principal, renewable) => call(SET_RENEWABLE, principal, +renewable),

        /** Gives an identity its first or its next token. */
        setToken: (principal, token) => call(SET_TOKEN, principal, 0, token),

        /** Says that the provider failed, in its words. */
        failToken: (principal, message) => call(FAIL_TOKEN, principal, 0, message),

        /** Sends a value, given as JSON text. */
        send: (principal, runId, streamId, json) => call(SEND, principal, 0, runId, streamId, json),

        /** Takes a send back: `cancelled` when it has not left, `unknown` when it has. */
        cancelSend: (send) => call(CANCEL_SEND, send),

        /** Makes a settled send again, under the same idempotency key. */
        retrySend: (send) => call(RETRY_SEND, send),

        /** Frees a settled send. One that was accepted is freed by itself. */
        forgetSend: (send) => call(FORGET_SEND, send),

        /** Reads a stream, from its beginning or behind a record. The key `input/<id>` names an input stream. */
        subscribe: (principal, runId, key, lastEventId, timeoutSeconds) =>
          call(SUBSCRIBE, principal, timeoutSeconds, runId, key, lastEventId),

        /** Stops reading. Nothing more is told of it. */
        unsubscribe: (subscription) => call(UNSUBSCRIBE, subscription),

        /** Says whether more parts of a stream are wanted. While they are not, its connection is left unread. */
        setReading: (subscription, wanted) => call(SET_READING, subscription, +wanted),

        ...(RUNS && {
          /**
           * Follows a feed of runs. `name` is a run id, a comma list of tags (none: every run) or a batch id, by `kind`: 0, 1, 2. `query`
           * holds further parameters, already encoded, or nothing. `endless`: it goes on after its run has finished.
           */
          follow: (principal, kind, name, query, endless) =>
            call(FOLLOW, principal, kind | (endless << 2), name, query),

          /** Stops following. Nothing more is told of it. */
          unfollow: (feed) => call(UNSUBSCRIBE, feed),

          /**
           * One request with an answer. `what`: 0 trigger a task, 1 complete a wait token, 2 retrieve a run, 3 cancel a run, 4 where a
           * stored packet lies. `body` is JSON text, or empty for what only reads.
           */
          call: (principal, what, name, body) => call(CALL, principal, what, name, body),

          /** Nothing more is told of that call. 1: it has not left. */
          cancelCall: (id) => call(UNSUBSCRIBE, id),
        }),

        /** The device woke up or the page is seen again: try now what waits. */
        wake: () => call(WAKE),

        /** The network came or went. */
        setOnline: (online) => call(SET_ONLINE, 0, +online),

        /** The page is seen, or nobody sees it: feeds pause then. */
        setVisible: (visible) => RUNS && call(SET_VISIBLE, 0, +visible),
      };
    },
  };
}
