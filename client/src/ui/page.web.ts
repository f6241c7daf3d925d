import type { Language } from "./i18n";
import { dark, light } from "./theme";
import type { Scheme } from "./preferences";

/** Sets the parts of the page that the app does not draw: language, direction, scroll bars, and the colour of the browser's frame. */
export function configurePage(language: Language, rtl: boolean, scheme: Scheme): void {
  const root = document.documentElement;
  root.lang = language;
  root.dir = rtl ? "rtl" : "ltr";
  if (scheme === "system") delete root.dataset.scheme;
  else root.dataset.scheme = scheme;
  for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
    const forDark = scheme === "dark" || (scheme === "system" && meta.getAttribute("media")?.includes("dark") === true);
    meta.content = forDark ? dark.surface : light.surface;
  }
}

/** Sets the page's title. */
export function setPageTitle(title: string): void {
  document.title = title;
}

/** Shows a number of unread messages: a dot on the page's icon, and the badge of the installed app. */
export function showUnread(count: number): void {
  for (const link of document.querySelectorAll<HTMLLinkElement>('link[rel="icon"]'))
    link.href = count === 0 ? "/icon.svg" : "/icon-unread.svg";
  void navigator.setAppBadge?.(count).catch(() => undefined); // zero removes it; a page that is not installed has none
}
