import { useEffect, useMemo, useRef, useState } from "react";

import type { Arrival, Chat } from "../../core/chat";
import { useLocale } from "../i18n";
import { useAttention } from "../messages/useAttention";
import { usePreferences } from "../preferences";
import { textPreview } from "../preview";
import type { Place } from "../where";
import { Attention } from "./attention";
import { isWanted } from "./decide";
import type { Offer } from "./offer";
import { askPermission, Notices, permission } from "./system";

/**
 * Notifies of messages that arrive while the user is not in their room, as the user has chosen. Until the user has decided, the
 * first message that was missed is the reason for the offer that is returned.
 */
export function useNotifications(chat: Chat, { room, show }: Place): Offer | null {
  const { t } = useLocale();
  const preferences = usePreferences();
  const attentive = useAttention();
  const [missed, setMissed] = useState<string | null>(null);
  const attention = useRef<Attention>(null);
  const texts = useRef(t);
  useEffect(() => {
    texts.current = t;
  }, [t]);

  useEffect(() => {
    const notices = new Notices(show);
    const watch = new Attention(`restante attention ${chat.server} ${chat.client}`, (on) => {
      preferences.choose({ notifications: on ? "on" : "off" });
      setMissed(null);
    });
    attention.current = watch;
    const arrived = ({ message, ...wish }: Arrival) => {
      if (!isWanted(wish) || watch.isIn(message.room)) return;
      const { notifications } = preferences.choices.get();
      const allowed = permission();
      const unasked = notifications === "unasked" && (allowed === "default" || allowed === "granted");
      if (unasked && !isAttentive()) setMissed((name) => name ?? message.client_id);
      if (notifications !== "on" || allowed !== "granted" || !watch.leads) return;
      const title = texts.current("notify-title", { name: message.client_id, room: message.room });
      notices.show({ title, body: textPreview(message.msg), room: message.room, seq: message.seq });
    };
    const read = () => {
      for (const { name, unread } of chat.rooms.get()) if (unread === 0) notices.remove(name);
    };
    const ends = [chat.arrivals.subscribe(arrived), chat.rooms.subscribe(read), notices.listen(), () => watch.close()];
    return () => {
      for (const end of ends) end();
    };
  }, [chat, preferences, show]);
  useEffect(() => attention.current?.set(attentive ? room : null), [attentive, room]);

  return useMemo(() => {
    if (missed === null) return null;
    const choose = (on: boolean) => {
      setMissed(null);
      preferences.choose({ notifications: on ? "on" : "off" });
      attention.current?.choose(on);
    };
    return {
      name: missed,
      accept: () => void askPermission().then(choose),
      decline: () => choose(false),
    };
  }, [missed, preferences]);
}

function isAttentive(): boolean {
  return document.visibilityState === "visible" && document.hasFocus();
}
