import { useEffect } from "react";

import type { Summary } from "../../core/chat";
import { useLocale } from "../i18n";
import { setPageTitle, showUnread } from "../page";
import { wantedOf } from "./decide";

/** Shows how many messages are unread outside of the page: in its title, its icon, and the badge of the installed app. */
export function useUnreadSigns(rooms: readonly Summary[]): void {
  const { t } = useLocale();
  const count = wantedOf(rooms);
  useEffect(() => setPageTitle(count === 0 ? t("restante") : t("restante-unread", { count })), [count, t]);
  useEffect(() => showUnread(count), [count]);
  useEffect(() => () => showUnread(0), []);
}
