import { useCallback, useEffect, useState } from "react";

/** How long a notice is shown, in milliseconds. */
const shown = 2_000;

/** A short notice that goes by itself, such as that something was copied; null for none. */
export function useNotice(): readonly [notice: string | null, show: (text: string) => void] {
  const [notice, setNotice] = useState<{ readonly text: string } | null>(null);
  useEffect(() => {
    if (notice === null) return;
    const timer = setTimeout(() => setNotice(null), shown);
    return () => clearTimeout(timer);
  }, [notice]);
  const show = useCallback((text: string) => setNotice({ text }), []);
  return [notice?.text ?? null, show];
}
