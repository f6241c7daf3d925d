import { useEffect, useState } from "react";

import type { Found } from "../../core/api";
import type { Chat } from "../../core/chat";
import { Failure } from "../../core/failure";

/** How long the app waits for the next letter before it asks the server, in milliseconds. */
const pause = 180;

/** The answer of the server to a search for rooms. */
export type Search =
  | { readonly is: "idle" } // nothing is asked
  | { readonly is: "looking" }
  | { readonly is: "found"; readonly found: Found }
  | { readonly is: "failed"; readonly failure: Failure };

/**
 * Asks the server for the rooms that begin with a text, and again when `again` changes. An answer to another text is dropped. Null
 * asks nothing.
 */
export function useSearch(chat: Chat, prefix: string | null, again = 0): Search {
  const asked = `${again} ${prefix ?? ""}`;
  const [answer, setAnswer] = useState<{ readonly asked: string; readonly search: Search }>();
  useEffect(() => {
    if (prefix === null) return;
    let wanted = true;
    const tell = (search: Search) => wanted && setAnswer({ asked, search });
    const ask = () =>
      void chat.search(prefix).then(
        (found) => tell({ is: "found", found }),
        (error: unknown) => tell({ is: "failed", failure: Failure.of(error) }),
      );
    const timer = setTimeout(ask, pause);
    if (prefix === "") {
      clearTimeout(timer); // nobody is typing
      ask();
    }
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [chat, prefix, asked]);
  if (prefix === null) return { is: "idle" };
  return answer?.asked === asked ? answer.search : { is: "looking" };
}
