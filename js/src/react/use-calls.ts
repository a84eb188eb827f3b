import { useState, useSyncExternalStore } from "react";
import { type CallSnapshot, CallStore, IDLE_CALL } from "../store/call-store.js";

/** The calls of one component about one thing. What is shown of them never belongs to another. */
export function useCalls<R>(about: string): [CallSnapshot<R>, CallStore<R>] {
  const [stores] = useState(() => new Map<string, CallStore<R>>());
  let store = stores.get(about);
  if (!store) {
    store = new CallStore();
    stores.set(about, store);
  }
  return [useSyncExternalStore<CallSnapshot<R>>(store.subscribe, store.getSnapshot, () => IDLE_CALL), store];
}
