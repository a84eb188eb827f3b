import { useEffect, useRef, useState } from "react";
import type { Row } from "./run-table";
import { ask } from "./server";

/** A run as the API lists it. */
type Line = Omit<Row, "createdAt" | "startedAt" | "finishedAt"> & {
  createdAt: string;
  startedAt?: string;
  finishedAt?: string;
};

interface Page {
  data: Line[];
  pagination: { next?: string };
}

/** Runs from before the oldest of those that are there, page by page. They are told as they stood when they were asked for. */
export function useOlderRuns(known: readonly Row[]) {
  const [runs, setRuns] = useState<Row[]>([]);
  const [next, setNext] = useState<string>();
  const [isThere, setIsThere] = useState(true);
  const [isLoading, setIsLoading] = useState(false);
  const [problem, setProblem] = useState<Error>();
  const until = useRef<number>(undefined);
  const stop = useRef<AbortController>(undefined);
  useEffect(() => () => stop.current?.abort(), []);

  const load = async () => {
    stop.current = new AbortController();
    const { signal } = stop.current;
    // Many may be of the same millisecond: pages begin with some that are there already.
    until.current ??= known[0]?.createdAt.getTime() ?? Date.now();
    const ids = new Set(known.map(({ id }) => id));
    const query = new URLSearchParams({ "page[size]": "100", "filter[createdAt][to]": String(until.current) });
    setIsLoading(true);
    setProblem(undefined);
    try {
      for (let after = next, fresh: Line[] = []; fresh.length === 0; ) {
        if (after) query.set("page[after]", after);
        const { data, pagination } = await ask<Page>(`/api/v1/runs?${query}`, signal);
        if (signal.aborted) return;
        fresh = data.filter(({ id }) => !ids.has(id));
        after = pagination.next;
        setRuns((before) => [...before, ...fresh.map(toRow)]);
        setNext(after);
        setIsThere(after !== undefined);
        if (!after) break;
      }
    } catch (error) {
      if (!signal.aborted) setProblem(error as Error);
    }
    if (!signal.aborted) setIsLoading(false);
  };
  return { runs, load, isLoading, problem, isThere };
}

function toRow(line: Line): Row {
  const date = (text: string | undefined) => text && new Date(text);
  const { createdAt, startedAt, finishedAt } = line;
  return { ...line, createdAt: date(createdAt), startedAt: date(startedAt), finishedAt: date(finishedAt) } as Row;
}
