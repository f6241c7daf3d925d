import { useCallback, useEffect, useState } from "react";

import { copyText } from "../clipboard";
import { useLocale } from "../i18n";

/** How long a notice is shown, in milliseconds. */
const shown = 2_000;

/** Copies texts. A notice, which is null most of the time, says for a moment whether the device has taken the last one. */
export function useCopy(): readonly [notice: string | null, copy: (text: string) => void] {
  const { t } = useLocale();
  const [notice, setNotice] = useState<{ readonly text: string } | null>(null);
  useEffect(() => {
    if (notice === null) return;
    const timer = setTimeout(() => setNotice(null), shown);
    return () => clearTimeout(timer);
  }, [notice]);
  const copy = useCallback(
    (text: string) => void copyText(text).then((taken) => setNotice({ text: t(taken ? "copied" : "not-copied") })),
    [t],
  );
  return [notice?.text ?? null, copy];
}
