import { maxBytes } from "../../core/message";

/** The longest text that the composer takes, in characters. Far longer ones would make every key slow. */
export const longest = 2 * maxBytes;

/** What is not taken: files, too long texts, and the list of emoji if it cannot be loaded. */
export type Refusal = { readonly is: "files" | "no emoji" } | { readonly is: "long"; readonly length: number };

export interface IncomingOptions {
  readonly field: React.RefObject<unknown>;
  readonly refuse: (refusal: Refusal) => void;
  /** Puts a text into the field at the caret. */
  readonly insert: (text: string) => void;
}
