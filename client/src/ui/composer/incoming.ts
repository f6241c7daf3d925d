import { maxBytes } from "../../core/message";

/** The longest text that the composer takes, in characters. Far longer ones would make every key slow. */
export const longest = 2 * maxBytes;

/** What comes from outside and is not taken. */
export type Refusal = { readonly is: "files" } | { readonly is: "long"; readonly length: number };

export interface IncomingOptions {
  readonly field: React.RefObject<unknown>;
  readonly refuse: (refusal: Refusal) => void;
  /** Puts a text into the field at the caret. */
  readonly insert: (text: string) => void;
}
