import { useEffect, type RefObject } from "react";
import type { View } from "react-native";
import { useLatest } from "../latest";

/** Calls close when the pointer is pressed outside of an element. */
export function useOutside(element: RefObject<View | null>, close: () => void): void {
  const latest = useLatest(close);
  useEffect(() => {
    const pressed = ({ target }: PointerEvent) => {
      const inside = element.current as unknown as HTMLElement | null;
      const opener = target instanceof Element && target.closest('[data-testid="emoji"]') !== null;
      if (target instanceof Node && inside?.contains(target) !== true && !opener) latest.current();
    };
    document.addEventListener("pointerdown", pressed);
    return () => document.removeEventListener("pointerdown", pressed);
  }, [element, latest]);
}
