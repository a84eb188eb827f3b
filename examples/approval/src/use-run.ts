import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { type Access, freshAccess, startRun } from "./backend";

/**
 * The run this page is about. Its id lives in the address, so a reload or a shared link finds it again; the token lives in
 * memory only, and the backend is asked for another whenever one is needed.
 */
export function useRun() {
  const address = new URLSearchParams(useSyncExternalStore(onHashChange, readHash));
  const runId = address.get("run");
  const [access, setAccess] = useState<Access>();
  const [starting, setStarting] = useState(false);
  const [problem, setProblem] = useState<string>();
  const opened = access?.runId === runId ? access : undefined;

  useEffect(() => {
    if (!runId || opened) return;
    let current = true;
    setProblem(undefined);
    freshAccess(runId).then(
      (fresh) => current && setAccess(fresh),
      (error: Error) => current && setProblem(error.message),
    );
    return () => {
      current = false;
    };
  }, [runId, opened]);

  const run = useMemo(() => opened && { ...opened, accessToken: tokenSource(opened) }, [opened]);

  async function start(topic: string) {
    setStarting(true);
    setProblem(undefined);
    try {
      const started = await startRun(topic);
      setAccess(started);
      location.hash = String(new URLSearchParams({ run: started.runId, topic }));
    } catch (error) {
      setProblem((error as Error).message);
    }
    setStarting(false);
  }

  function leave() {
    setProblem(undefined);
    location.hash = "";
  }

  return { run, topic: address.get("topic"), opening: runId !== null && !run, starting, problem, start, leave };
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
