import { useEffect, useState, useSyncExternalStore } from "react";

/** The newest token, for what this page asks for besides the hooks. It is kept in memory only. */
let token: string | undefined;

const unanswered = "The server does not answer. Is it still running?";

/** Why there is no token. */
class TokenProblem extends Error {
  /** Whether the server has refused it, so that it will the next time. */
  readonly isRefusal: boolean;
  constructor(message: string, isRefusal: boolean) {
    super(message);
    this.isRefusal = isRefusal;
  }
}

let problem: TokenProblem | undefined;
const listeners = new Set<() => void>();

function tell(next: TokenProblem | undefined) {
  if (next?.message === problem?.message) return;
  problem = next;
  for (const listener of listeners) listener();
}

/** Why this page has no token, if that is so. */
export const useTokenProblem = () =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => problem,
  );

/** A token that lives for some minutes. The server gives it to its own page, and to nobody else. */
async function askForToken(): Promise<string> {
  try {
    const response = await fetch("/console/api/token", { method: "POST" }).catch(() => {
      throw new TokenProblem(unanswered, false);
    });
    const answer = await response.json().catch(() => ({ error: `The server answered ${response.status}.` }));
    if (!response.ok) throw new TokenProblem(answer.error, response.status === 403);
    tell(undefined);
    token = answer.accessToken;
    return answer.accessToken;
  } catch (error) {
    tell(error as TokenProblem);
    throw error;
  }
}

/** What the hooks ask for a token, again whenever one ages. Another function is another attempt. */
export const tokenFunction = () => () => askForToken();

/** Asks the server for JSON that no hook brings. What goes wrong is a sentence. */
export async function ask<T>(path: string, signal?: AbortSignal): Promise<T> {
  const attempt = async (token: string) =>
    fetch(path, { headers: { authorization: `Bearer ${token}` }, signal: signal ?? null }).catch(() => {
      throw new Error(unanswered);
    });
  let response = await attempt(token ?? (await askForToken()));
  if (response.status === 401) response = await attempt(await askForToken());
  const answer = await response.json().catch(() => ({ error: `The server answered ${response.status}.` }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

/**
 * What is at a path of the server, asked for again whenever `version` is another one and, while the page is seen, every so many
 * milliseconds. What was there stays until there is news.
 */
export function useAsked<T>(path: string, { everyMs, version }: { everyMs?: number | undefined; version?: unknown }) {
  const [asked, setAsked] = useState<{ path: string; answer?: T; problem?: string }>({ path });
  // biome-ignore lint/correctness/useExhaustiveDependencies: another version is a reason to ask again.
  useEffect(() => {
    const stop = new AbortController();
    const look = () =>
      ask<T>(path, stop.signal).then(
        (answer) => stop.signal.aborted || setAsked({ path, answer }),
        ({ message }: Error) =>
          stop.signal.aborted ||
          setAsked((before) => (before.path === path ? { ...before, problem: message } : { path, problem: message })),
      );
    look();
    const timer = everyMs && setInterval(() => document.visibilityState === "visible" && look(), everyMs);
    return () => {
      stop.abort();
      clearInterval(timer);
    };
  }, [path, everyMs, version]);
  return asked.path === path ? asked : { path };
}

/** A task that the server brings, with what to try it with: JSON. */
export interface Sample {
  id: string;
  payload: string;
  inputs: { id: string; data: string }[];
}

/** The streams of a run so far. */
export interface Streams {
  inputs: { id: string; records: number; isAwaited: boolean }[];
  outputs: { key: string; records: number }[];
}
