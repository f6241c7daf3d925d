import { useEffect, useRef, type RefObject } from "react";

/** Returns a ref to the value of the latest render, for handlers that are made once. */
export function useLatest<T>(value: T): RefObject<T> {
  const latest = useRef(value);
  useEffect(() => {
    latest.current = value;
  }, [value]);
  return latest;
}
