import type { Summary } from "../core/chat";
import { isUnsent, timeOf } from "../core/message";
import type { Language, Texts } from "./i18n";

const longest = 160;
const halfACharacter = /[\ud800-\udbff]$/;
const controls = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;

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
    text: oneLine(newest.msg),
    at,
    waiting,
  };
}

function oneLine(text: string): string {
  return text.slice(0, longest).replace(halfACharacter, "").replace(controls, " ").replace(/\s+/g, " ").trim();
}

/** Returns a short time: the time of day today, the weekday this week, otherwise the date. */
export function shortTime(at: string, language: Language, now: Date = new Date()): string {
  const moment = new Date(at);
  if (Number.isNaN(moment.getTime())) return "";
  const days = Math.round((midnight(now) - midnight(moment)) / 86_400_000);
  const year = moment.getFullYear() === now.getFullYear() ? undefined : "2-digit";
  const how: Intl.DateTimeFormatOptions =
    days <= 0
      ? { hour: "numeric", minute: "2-digit" }
      : days < 7
        ? { weekday: "short" }
        : { day: "numeric", month: "short", ...(year && { year }) };
  return format(language, how).format(moment);
}

function midnight(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Returns a cached format, because creating one is slow. */
function format(language: Language, how: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language + JSON.stringify(how);
  const made = formats.get(key) ?? new Intl.DateTimeFormat(language, how);
  formats.set(key, made);
  return made;
}
