import { useEffect, useMemo, useRef, useState } from "react";

import type { Chat } from "../../core/chat";
import { useLocale } from "../i18n";
import { useAttention } from "../messages/useAttention";
import { usePreferences } from "../preferences";
import type { Place } from "../where";
import type { Notifier } from "./notifier";
import type { Offer } from "./offer";

/**
 * Notifies of messages that arrive while the user is not in their room, as the user has chosen. Until the user has decided, the
 * first message that was missed is the reason for the offer that is returned.
 */
export function useNotifications(chat: Chat, { room, show }: Place): Offer | null {
  const { t } = useLocale();
  const preferences = usePreferences();
  const attentive = useAttention();
  const [missed, setMissed] = useState<string | null>(null);
  const notifier = useRef<Notifier>(null);
  const here = attentive ? room : null;
  const now = useRef({ t, here });
  useEffect(() => {
    now.current = { t, here };
    notifier.current?.at(here);
  }, [t, here]);

  useEffect(() => {
    let wanted = true;
    const options = {
      chat,
      preferences,
      show,
      texts: () => now.current.t,
      missed: (name: string | null) => setMissed((before) => (name === null ? null : (before ?? name))),
    };
    void import("./notifier").then(
      (loaded) => {
        if (!wanted) return;
        notifier.current = loaded.notifier(options);
        notifier.current.at(now.current.here);
      },
      () => undefined, // without a network nothing arrives, and the next visit loads it
    );
    return () => {
      wanted = false;
      notifier.current?.end();
      notifier.current = null;
    };
  }, [chat, preferences, show]);

  return useMemo(() => {
    if (missed === null) return null;
    return {
      name: missed,
      accept: () => void notifier.current?.choose(true),
      decline: () => void notifier.current?.choose(false),
    };
  }, [missed]);
}
