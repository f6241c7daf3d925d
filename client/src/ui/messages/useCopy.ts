import { useCallback, useEffect, useState } from "react";

import { copyText } from "../clipboard";
import { useLocale } from "../i18n";

/** How long a notice is shown, in milliseconds. */
const shown = 2_000;

/**
 * Shows notices for a moment, and copies texts. The notice, which is null most of the time, then says whether the device has taken the
 * text.
 */
export function useCopy(): readonly [
  notice: string | null,
  show: (text: string) => void,
  copy: (text: string) => void,
] {
  const { t } = useLocale();
  const [notice, setNotice] = useState<{ readonly text: string } | null>(null);
  useEffect(() => {
    if (notice === null) return;
    const timer = setTimeout(() => setNotice(null), shown);
    return () => clearTimeout(timer);
  }, [notice]);
  const show = useCallback((text: string) => setNotice({ text }), []);
  const copy = useCallback(
    (text: string) => void copyText(text).then((taken) => show(t(taken ? "copied" : "not-copied"))),
    [show, t],
  );
  return [notice?.text ?? null, show, copy];
}
