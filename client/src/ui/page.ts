import { I18nManager } from "react-native";

import type { Language } from "./i18n";
import type { Scheme } from "./preferences";

/** Sets the direction of the parts that the phone draws. It takes effect at the next start. */
export function configurePage(_language: Language, rtl: boolean, _scheme: Scheme): void {
  I18nManager.allowRTL(rtl);
  I18nManager.forceRTL(rtl);
}

/** Does nothing, because an app has no page title. */
export function setPageTitle(_title: string): void {}

/** Does nothing: the icon of a phone's app has a badge only with push notifications. */
export function showUnread(_count: number): void {}
