import { type RefObject, useEffect, useLayoutEffect, useRef } from "react";

/** Keeps the end of what scrolls in view while it grows, unless the reader has gone up. The element is its last child. */
export function useBottom(): RefObject<HTMLDivElement | null> {
  const edge = useRef<HTMLDivElement>(null);
  const isNear = useRef(true);
  useEffect(() => {
    if (!edge.current) return;
    const options = { root: edge.current.parentElement, rootMargin: "0px 0px 120px 0px" };
    const watch = new IntersectionObserver((entries) => {
      isNear.current = entries.at(-1)?.isIntersecting ?? true;
    }, options);
    watch.observe(edge.current);
    // The room shrinks, too: by the keyboard of a phone.
    const resizing = new ResizeObserver(() => {
      if (isNear.current) edge.current?.scrollIntoView({ block: "end" });
    });
    if (options.root) resizing.observe(options.root);
    return () => {
      watch.disconnect();
      resizing.disconnect();
    };
  }, []);
  useLayoutEffect(() => {
    if (isNear.current) edge.current?.scrollIntoView({ block: "end" });
  });
  return edge;
}
