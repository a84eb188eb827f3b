import { type RefObject, useInsertionEffect, useRef } from "react";

/** A box with the value of the last committed render, for functions that stay the same while their inputs change. */
export function useLatest<T>(value: T): RefObject<T> {
  const box = useRef(value);
  // The earliest effect there is: children may call such a function from their own effects.
  useInsertionEffect(() => {
    box.current = value;
  });
  return box;
}
