import type { Inline } from "./inline";
import { blocksOf, type Block } from "./markdown";

/** Returns the beginning of a message without its marks, as previews and announcements show it. */
export function plainOf(message: string, most = 400): string {
  const cut = message.length > most;
  return blocksOf(cut ? message.slice(0, most) : message, { cut })
    .map(plainBlock)
    .join("\n");
}

function plainBlock(block: Block): string {
  switch (block.is) {
    case "block":
      return block.text;
    case "paragraph":
      return plainInlines(block.children);
    case "quote":
      return block.children.map(plainBlock).join("\n");
    case "list":
      return block.items.map(({ label, children }) => `${label} ${plainInlines(children)}`).join("\n");
  }
}

function plainInlines(pieces: readonly Inline[]): string {
  return pieces.map((piece) => ("children" in piece ? plainInlines(piece.children) : piece.text)).join("");
}
