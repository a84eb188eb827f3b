import { useEffect, useState, useSyncExternalStore } from "react";
import { seeDesk } from "./backend";

/**
 * The desk this page is about: whoever has the address sees the same runs. Its token lives in memory only, and the backend is asked
 * for another when it has expired.
 */
export function useDesk() {
  const desk = useSyncExternalStore(onHashChange, readHash);
  const [opened, setOpened] = useState<{ desk: string; baseURL: string; accessToken: () => Promise<string> }>();
  const [problem, setProblem] = useState<string>();

  useEffect(() => {
    if (!desk) {
      location.replace(`#${crypto.randomUUID().slice(0, 8)}`);
      return;
    }
    let current = true;
    seeDesk(desk).then(
      ({ baseURL, accessToken }) => {
        let inHand: string | undefined = accessToken;
        const nextToken = async () => {
          const token = inHand ?? (await seeDesk(desk)).accessToken;
          inHand = undefined;
          return token;
        };
        if (current) setOpened({ desk, baseURL, accessToken: nextToken });
      },
      (error: Error) => current && setProblem(error.message),
    );
    return () => {
      current = false;
    };
  }, [desk]);

  return { desk: opened?.desk === desk ? opened : undefined, problem };
}

const readHash = () => location.hash.slice(1);

function onHashChange(notify: () => void) {
  addEventListener("hashchange", notify);
  return () => removeEventListener("hashchange", notify);
}
