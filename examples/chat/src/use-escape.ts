import { useEffect, useInsertionEffect, useRef } from "react";

/** Calls the newest of the functions when Escape is pressed anywhere, unless somebody nearer has had it. */
export function useEscape(call: () => void): void {
  const latest = useRef(call);
  useInsertionEffect(() => {
    latest.current = call;
  });
  useEffect(() => {
    const hear = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented) latest.current();
    };
    addEventListener("keydown", hear);
    return () => removeEventListener("keydown", hear);
  }, []);
}
