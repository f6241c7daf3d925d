import type { Arrival, Chat } from "../../core/chat";
import type { Texts } from "../i18n";
import { isAttentive } from "../messages/useAttention.web";
import type { Preferences } from "../preferences";
import { textPreview } from "../preview";
import { Attention } from "./attention";
import { isWanted } from "./decide";
import { askPermission, Notices, permission } from "./system";

interface Options {
  readonly chat: Chat;
  readonly preferences: Preferences;
  readonly show: (room: string, seq: number) => void;
  readonly texts: () => Texts;
  /** Called with the writer of a message that the user has missed while nothing was decided, and with null when it was. */
  readonly missed: (name: string | null) => void;
}

/** Notifies of messages until it is ended. */
export interface Notifier {
  /** Says in which room the user is in this tab; null for none. */
  readonly at: (room: string | null) => void;
  /** Turns notifications on, if the browser's user allows them, or off. */
  readonly choose: (on: boolean) => Promise<void>;
  readonly end: () => void;
}

/** Begins to notify of messages that arrive while the user is not in their room. It is loaded on demand. */
export function notifier({ chat, preferences, show, texts, missed }: Options): Notifier {
  const notices = new Notices(show);
  const decide = (on: boolean) => {
    preferences.choose({ notifications: on ? "on" : "off" });
    missed(null);
  };
  const attention = new Attention(`restante attention ${chat.server} ${chat.client}`, decide);
  const arrived = ({ message, ...wish }: Arrival) => {
    if (!isWanted(wish) || attention.isIn(message.room)) return;
    const { notifications } = preferences.choices.get();
    const allowed = permission();
    if (notifications === "unasked" && (allowed === "default" || allowed === "granted")) {
      if (!isAttentive()) missed(message.client_id);
    }
    if (notifications !== "on" || allowed !== "granted" || !attention.leads) return;
    const title = texts()("notify-title", { name: message.client_id, room: message.room });
    notices.show({ title, body: textPreview(message.msg), room: message.room, seq: message.seq });
  };
  const read = () => {
    for (const { name, unread } of chat.rooms.get()) if (unread === 0) notices.remove(name);
  };
  const ends = [chat.arrivals.subscribe(arrived), chat.rooms.subscribe(read), notices.listen()];
  return {
    at: (room) => attention.set(room),
    async choose(on) {
      const now = on && (await askPermission());
      decide(now);
      attention.choose(now);
    },
    end() {
      for (const end of ends) end();
      attention.close();
    },
  };
}
