import { useSyncExternalStore } from "react";

/** What the list shows: an empty field is no condition. */
export interface Filter {
  status: string;
  task: string;
  tag: string;
}

export type Route = { page: "runs"; filter: Filter } | { page: "run"; runId: string };

const names = ["status", "task", "tag"] as const;
const change = "console:route";

/** What the address says, which is all there is to know of where one is. */
export function useRoute(): Route {
  return read(useSyncExternalStore(subscribe, () => location.hash));
}

export function read(hash: string): Route {
  const [, runId] = /^#\/runs\/([^/?]+)/.exec(hash) ?? [];
  if (runId) return { page: "run", runId: decode(runId) };
  const query = new URLSearchParams(hash.split("?")[1]);
  const [status = "", task = "", tag = ""] = names.map((name) => query.get(name) ?? "");
  return { page: "runs", filter: { status, task, tag } };
}

export const runAddress = (runId: string) => `#/runs/${encodeURIComponent(runId)}`;

export function listAddress(filter: Partial<Filter> = {}): string {
  const query = new URLSearchParams(names.flatMap((name) => (filter[name] ? [[name, filter[name]]] : [])));
  return query.size > 0 ? `#/?${query}` : "#/";
}

/** Shows another filter in the place of the one before: typing fills no history. */
export function setFilter(filter: Filter) {
  history.replaceState(null, "", listAddress(filter));
  dispatchEvent(new Event(change));
}

export function open(address: string) {
  location.hash = address;
}

function subscribe(listener: () => void) {
  for (const event of ["hashchange", change]) addEventListener(event, listener);
  return () => {
    for (const event of ["hashchange", change]) removeEventListener(event, listener);
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
