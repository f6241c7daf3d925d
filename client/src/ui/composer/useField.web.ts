import type { FieldControl, FieldOptions } from "./field";

/** The text field in a browser. Changes go through the browser's own editing, so that they can be undone. */
export function useField({ field, text, write, onMove }: FieldOptions): FieldControl {
  const element = () => field.current as unknown as HTMLTextAreaElement | null; // React Native for the web gives the element itself
  const current = () => {
    const { selectionStart = text.length, selectionEnd = text.length } = element() ?? {};
    return { text: element()?.value ?? text, start: selectionStart, end: selectionEnd };
  };
  return {
    current,
    edit(change) {
      const before = current();
      const after = change(before);
      const area = element();
      if (area === null) return write(after.text);
      area.focus();
      const { from, to, piece } = difference(before.text, after.text);
      area.setSelectionRange(from, to);
      const done =
        from === to && piece === "" ? true : document.execCommand(piece === "" ? "delete" : "insertText", false, piece);
      if (!done) write(after.text);
      area.setSelectionRange(after.start, after.end);
    },
    focus: () => element()?.focus(),
    props: { onSelectionChange: onMove },
  };
}

/** Returns the part of a text that differs in another one. */
function difference(
  before: string,
  after: string,
): { readonly from: number; readonly to: number; readonly piece: string } {
  const most = Math.min(before.length, after.length);
  let from = 0;
  while (from < most && before[from] === after[from]) from++;
  let same = 0;
  while (same < most - from && before[before.length - 1 - same] === after[after.length - 1 - same]) same++;
  return { from, to: before.length - same, piece: after.slice(from, after.length - same) };
}
