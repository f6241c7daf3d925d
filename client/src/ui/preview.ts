import type { Summary } from "../core/chat";
import { isUnsent, timeOf } from "../core/message";
import type { Texts } from "./i18n";
import { plainOf } from "./messages/plain";

const longest = 160;
/** How much of a message is read for it. Marks and what a long link hides are left out. */
const read = 400;
const halfACharacter = /[\ud800-\udbff]$/;
const controls = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;
const controlsInLines = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;

/** The preview of a room in the list: the author and the beginning of the last message, or of the draft. */
export interface Preview {
  readonly by: "draft" | "you" | "other" | "nobody";
  readonly author: string;
  readonly text: string;
  /** The time of the message, RFC 3339. */
  readonly at: string;
  readonly waiting: boolean;
}

export function previewOf({ newest, draft }: Summary, client: string, t: Texts): Preview {
  const at = newest === null ? "" : timeOf(newest);
  const waiting = newest?.kind === "outgoing" && isUnsent(newest);
  if (draft !== "") return { by: "draft", author: t("draft"), text: oneLine(draft), at, waiting };
  if (newest === null) return { by: "nobody", author: "", text: "", at, waiting };
  const own = newest.kind === "outgoing" || newest.client_id === client;
  return {
    by: own ? "you" : "other",
    author: own ? t("you") : oneLine(newest.client_id),
    text: textPreview(newest.msg),
    at,
    waiting,
  };
}

/** Returns the beginning of a message in a line, as previews and notifications show it. */
export function textPreview(message: string): string {
  return oneLine(plainOf(message.slice(0, read).replace(controlsInLines, " ")));
}

function oneLine(text: string): string {
  return text.slice(0, longest).replace(halfACharacter, "").replace(controls, " ").replace(/\s+/g, " ").trim();
}
