import { useRef, useState } from "react";

import type { FieldControl, FieldOptions } from "./field";

interface Selection {
  readonly start: number;
  readonly end: number;
}

/** The text field on phones. A change sets the caret, and the next movement of the caret frees it. */
export function useField({ field, text, write, onMove }: FieldOptions): FieldControl {
  const selected = useRef<Selection | null>(null);
  const [forced, setForced] = useState<Selection | null>(null);
  const current = () => {
    const { start, end } = selected.current ?? { start: text.length, end: text.length };
    return { text, start: Math.min(start, text.length), end: Math.min(end, text.length) };
  };
  return {
    current,
    edit(change) {
      const { text: changed, start, end } = change(current());
      write(changed);
      selected.current = { start, end };
      setForced({ start, end });
    },
    focus: () => field.current?.focus(),
    props: {
      ...(forced === null ? {} : { selection: forced }),
      onSelectionChange: ({ nativeEvent }) => {
        selected.current = nativeEvent.selection;
        setForced(null);
        onMove();
      },
    },
  };
}
