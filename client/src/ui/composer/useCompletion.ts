import { useEffect, useState } from "react";

import { loadCatalogue, type Emoji } from "../emoji/catalogue";
import { useLocale } from "../i18n";
import { insert, shortNameBefore, type Edited, type ShortName } from "./edit";
import type { FieldControl } from "./field";

/** How many emoji are offered. */
const most = 7;

/** The emoji that are offered for a short name that is being written. */
export interface Completion {
  readonly offers: readonly Emoji[];
  readonly chosen: number;
  readonly take: (emoji: Emoji) => void;
  /** Handles a key of the list. Returns whether it was one. */
  readonly onKey: (key: string) => boolean;
  /** Looks at what stands before the caret. */
  readonly look: () => void;
}

const nothing = { offers: [], chosen: 0 } as const;

/** Offers emoji for `:name`, and puts the emoji in place of `:name:`. */
export function useCompletion(field: FieldControl): Completion {
  const { language } = useLocale();
  const [writing, setWriting] = useState<ShortName | null>(null);
  const [{ offers, chosen }, setState] = useState<{ readonly offers: readonly Emoji[]; readonly chosen: number }>(
    nothing,
  );

  const replace = ({ start, name, whole }: ShortName, emoji: string) => {
    setWriting(null);
    const { length } = name;
    field.edit((edited: Edited) => insert({ ...edited, start, end: start + length + (whole ? 2 : 1) }, emoji));
  };
  const look = () => {
    const found = shortNameBefore(field.current());
    setWriting((before) =>
      before?.start === found?.start && before?.name === found?.name && before?.whole === found?.whole ? before : found,
    );
  };
  useEffect(() => {
    if (writing === null) return;
    let wanted = true;
    loadCatalogue(language)
      .then((catalogue) => {
        if (!wanted) return;
        const named = writing.whole ? catalogue.named(writing.name) : undefined;
        if (named !== undefined) replace(writing, named.text);
        else setState({ offers: writing.whole ? [] : catalogue.search(writing.name, most), chosen: 0 });
      })
      .catch(() => undefined); // without a connection there are no offers
    return () => {
      wanted = false;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- only when another name is written
  }, [writing, language]);

  const shown = writing === null || writing.whole ? [] : offers;
  return {
    offers: shown,
    chosen,
    take: (emoji) => writing !== null && replace(writing, `${emoji.text} `),
    onKey(key) {
      const emoji = shown[chosen];
      if (writing === null || emoji === undefined) return false;
      if (key === "ArrowDown" || key === "ArrowUp") {
        const step = key === "ArrowDown" ? 1 : shown.length - 1;
        setState({ offers, chosen: (chosen + step) % shown.length });
      } else if (key === "Enter" || key === "Tab") replace(writing, `${emoji.text} `);
      else if (key === "Escape") setWriting(null);
      else return false;
      return true;
    },
    look,
  };
}
