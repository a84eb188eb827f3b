// One array that grows and is never copied; React hears of it once a frame, or once a chunk without a throttle.
import { useEffect, useState, useSyncExternalStore } from "react";
import { subscribe } from "../subjects/floor.mjs";

export function useStream(baseURL, runId, token, throttleInMs) {
  const [store] = useState(() => makeStore(throttleInMs === 0 ? queueMicrotask : requestAnimationFrame));
  useEffect(() => void subscribe(baseURL, runId, token, store.push), [baseURL, runId, token, store]);
  useSyncExternalStore(store.listen, store.version);
  return store.parts;
}

function makeStore(defer) {
  const parts = [];
  let version = 0;
  let listener;
  let isDue = false;
  const publish = () => {
    isDue = false;
    version = parts.length;
    listener();
  };
  return {
    parts,
    version: () => version,
    listen(given) {
      listener = given;
      return () => {};
    },
    push(part) {
      parts.push(part);
      if (!isDue) defer(publish);
      isDue = true;
    },
  };
}
