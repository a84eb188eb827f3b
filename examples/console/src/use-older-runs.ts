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

/** Runs from before the oldest one that the feed has brought, page by page. They are told as they stood when they were asked for. */
export function useOlderRuns(oldest: Row | undefined) {
  const [runs, setRuns] = useState<Row[]>([]);
  const [next, setNext] = useState<string | null>();
  const [isLoading, setIsLoading] = useState(false);
  const [problem, setProblem] = useState<Error>();
  const stop = useRef<AbortController>(undefined);
  useEffect(() => () => stop.current?.abort(), []);

  const load = () => {
    stop.current = new AbortController();
    const { signal } = stop.current;
    const query = new URLSearchParams({ "page[size]": "50" });
    query.set("filter[createdAt][to]", String((oldest?.createdAt.getTime() ?? Date.now()) - 1));
    if (next) query.set("page[after]", next);
    setIsLoading(true);
    setProblem(undefined);
    ask<Page>(`/api/v1/runs?${query}`, signal)
      .then(({ data, pagination }) => {
        if (signal.aborted) return;
        setRuns((before) => [...before, ...data.map(toRow)]);
        setNext(pagination.next ?? null);
      })
      .catch((error: Error) => signal.aborted || setProblem(error))
      .finally(() => signal.aborted || setIsLoading(false));
  };
  return { runs, load, isLoading, problem, isThere: next !== null };
}

function toRow(line: Line): Row {
  const date = (text: string | undefined) => text && new Date(text);
  const { createdAt, startedAt, finishedAt } = line;
  return { ...line, createdAt: date(createdAt), startedAt: date(startedAt), finishedAt: date(finishedAt) } as Row;
}
