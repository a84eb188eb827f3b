import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { type Access, begin, freshAccess } from "./backend";
import type { Message } from "./conversation";

export const newMessage = (text: string): Message => ({ id: crypto.randomUUID(), revision: 1, text });

/**
 * The conversation this page is about. Its id lives in the address, so a reload or a shared link finds it again; the token lives in memory
 * only, and the backend is asked for another whenever one is needed.
 */
export function useConversation() {
  const runId = new URLSearchParams(useSyncExternalStore(onHashChange, readHash)).get("run");
  const [access, setAccess] = useState<Access>();
  const [isStarting, setStarting] = useState(false);
  const [problem, setProblem] = useState<string>();
  const [first, setFirst] = useState<{ runId: string; message: Message }>();
  const opened = access?.runId === runId ? access : undefined;

  useEffect(() => {
    if (!runId || opened) return;
    let isCurrent = true;
    setProblem(undefined);
    freshAccess(runId).then(
      (fresh) => isCurrent && setAccess(fresh),
      (error: Error) => isCurrent && setProblem(error.message),
    );
    return () => {
      isCurrent = false;
    };
  }, [runId, opened]);

  const conversation = useMemo(() => opened && { ...opened, accessToken: tokenSource(opened) }, [opened]);

  /** Begins one with a message, which the page that shows it sends. */
  async function start(text: string): Promise<void> {
    setStarting(true);
    setProblem(undefined);
    try {
      const started = await begin();
      setFirst({ runId: started.runId, message: newMessage(text) });
      setAccess(started);
      location.hash = String(new URLSearchParams({ run: started.runId }));
    } catch (error) {
      setProblem((error as Error).message);
    }
    setStarting(false);
  }

  const forgetFirst = useCallback(() => setFirst(undefined), []);

  function leave() {
    setProblem(undefined);
    location.hash = "";
  }

  return {
    conversation,
    first: first?.runId === runId ? first?.message : undefined,
    forgetFirst,
    isOpening: runId !== null && !conversation && !problem,
    isStarting,
    problem,
    start,
    leave,
  };
}

/** The token in hand first, then fresh ones. */
function tokenSource({ runId, accessToken }: Access) {
  let inHand: string | undefined = accessToken;
  return async () => {
    const token = inHand ?? (await freshAccess(runId)).accessToken;
    inHand = undefined;
    return token;
  };
}

const readHash = () => location.hash.slice(1);

function onHashChange(notify: () => void) {
  addEventListener("hashchange", notify);
  return () => removeEventListener("hashchange", notify);
}
