import { I18nManager } from "react-native";

import type { Language } from "./i18n";
import type { Scheme } from "./preferences";

/** A phone has no page: it learns the direction for what it draws itself, from the next start on. */
export function configurePage(_language: Language, rtl: boolean, _scheme: Scheme): void {
  I18nManager.allowRTL(rtl);
  I18nManager.forceRTL(rtl);
}

/** An app has no title. */
export function setPageTitle(_title: string): void {}
