// What a phone supplies beside its engine, here by lines to the process that started it and from there: timers and requests. Runs before
// the bundle, and as it is written: the engine takes it without Babel.
(() => {
  // The last Hermes that came as a program is of 2022. What it lacks of what the phones' has since got:
  const at = function (index) {
    return this[index < 0 ? this.length + index : index];
  };
  for (const { prototype } of [Array, String]) Object.defineProperty(prototype, "at", { value: at });
  Object.defineProperty(Symbol, "asyncIterator", { value: Symbol("Symbol.asyncIterator") });
  Promise.allSettled = (promises) =>
    Promise.all(
      promises.map((promise) =>
        Promise.resolve(promise).then(
          (value) => ({ status: "fulfilled", value }),
          (reason) => ({ status: "rejected", reason }),
        ),
      ),
    );
  globalThis.WeakRef = function (target) {
    this.deref = () => target;
  };

  const say = (...line) => print(JSON.stringify(line));
  const waiting = new Map();
  let ids = 0;
  const start = (act, ms, again) => {
    ids += 1;
    const id = ids;
    waiting.set(id, () => {
      if (again) say("timer", id, ms);
      else waiting.delete(id);
      act();
    });
    say("timer", id, ms || 0);
    return id;
  };
  const stop = (id) => {
    if (waiting.delete(id)) say("cleared", id);
  };
  const began = Date.now();

  Object.assign(globalThis, {
    global: globalThis,
    setTimeout: (act, ms, ...given) => start(() => act(...given), ms),
    setInterval: (act, ms) => start(act, ms, true),
    setImmediate: (act) => start(act, 0),
    requestAnimationFrame: (act) => start(() => act(performance.now()), 16),
    clearTimeout: stop,
    clearInterval: stop,
    clearImmediate: stop,
    cancelAnimationFrame: stop,
    queueMicrotask: (act) => Promise.resolve().then(act),
    performance: { now: () => Date.now() - began },
    nativeModuleProxy: {},
    __turboModuleProxy: (name) => natives[name] ?? null,
    device: {
      say,
      fire: (id) => waiting.get(id)?.(),
      /** Where what is told of requests goes: the device's events, or the one that made the request. */
      emit: () => {},
      requests: new Map(),
    },
  });

  const natives = {
    PlatformConstants: { getConstants: () => ({ isTesting: false, reactNativeVersion: {} }) },
    Networking: {
      sendRequest(method, url, id, headers, { string }, responseType, inPieces) {
        say("request", id, method, url, headers, string, inPieces && responseType === "text" ? "texts" : responseType);
      },
      abortRequest: (id) => say("abort", id),
      addListener() {},
      removeListeners() {},
    },
  };

  /** A `fetch` that hands on a body while it comes in, as Expo installs one. */
  device.streamingFetch = (url, { method = "GET", headers, body, signal }) =>
    new Promise((resolve, reject) => {
      ids += 1;
      const id = -ids; // React Native counts its own upwards
      const pieces = [];
      const readers = [];
      let failure;
      let over = false;
      const hand = () => {
        while (readers.length && (pieces.length || over)) {
          const reader = readers.shift();
          if (pieces.length) reader.resolve({ done: false, value: pieces.shift() });
          else if (failure) reader.reject(failure);
          else reader.resolve({ done: true });
        }
      };
      const end = (message) => {
        over = true;
        if (message) {
          failure = new TypeError(message);
          reject(failure);
        }
        hand();
      };
      const read = () =>
        new Promise((resolve, reject) => {
          readers.push({ resolve, reject });
          hand();
        });
      const hex = (bytes) => Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
      const text = (before = "") =>
        read().then(({ done, value }) => (done ? decodeURIComponent(before) : text(before + hex(value))));
      device.requests.set(id, (event, ...told) => {
        if (event === "didReceiveNetworkResponse") {
          const [status, received] = told;
          const get = (name) => received[name] ?? null;
          resolve({ ok: status < 300, status, headers: { get }, text, body: { getReader: () => ({ read }) } });
        } else if (event === "bytes") {
          pieces.push(Uint8Array.from(told[0]));
          hand();
        } else end(told[0]);
      });
      signal?.addEventListener("abort", () => {
        say("abort", id);
        end("aborted");
      });
      say("request", id, method, url, Object.entries(headers), body, "bytes");
    });
})();
