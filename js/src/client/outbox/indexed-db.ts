/*! With idb, https://github.com/jakearchibald/idb. ISC licence, Copyright (c) 2016, Jake Archibald. */
import { openDB } from "idb";
import type { OutboxStorage } from "./storage.js";

const STORE = "outbox";

/** The items of all tabs of this origin. */
export async function openDatabase(): Promise<OutboxStorage> {
  const database = await openDB("tidegate", 1, {
    upgrade: (fresh) => void fresh.createObjectStore(STORE, { keyPath: "id" }),
  });
  return {
    all: () => database.getAll(STORE),
    get: (id) => database.get(STORE, id),
    put: (item) => database.put(STORE, item),
    delete: (id) => database.delete(STORE, id),
  };
}
