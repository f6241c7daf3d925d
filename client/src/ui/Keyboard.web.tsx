import type { ReactNode } from "react";

/** A browser keeps the field above the keyboard itself. */
export function AboveKeyboard({ children }: { readonly children: ReactNode }) {
  return children;
}
