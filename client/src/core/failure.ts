/** The kinds of failures between this device and the server. Each kind needs another reaction. */
export type Trouble =
  | "unreachable" // no answer, or not the server's: the outcome is unknown; try again
  | "later" // the server asks to try again
  | "unauthenticated" // try again with another token
  | "rejected" // do not try this again
  | "conflict"; // never with this id: the server keeps another text of this client under it

/** Why something was not done: a code, from which a text in the user's language is made, and the text that came with it. */
export interface Reason {
  /** A code of the API, see docs/api/http.md, or one of the app's own: "unreachable", "unreadable". */
  readonly code: string;
  readonly text: string;
}

/** The code of a failure that came without one. */
const codes: Readonly<Record<Trouble, string>> = {
  unreachable: "unreachable",
  later: "unreachable",
  unauthenticated: "unauthenticated",
  rejected: "invalid",
  conflict: "conflict",
};

/** A request or a call that failed. */
export class Failure extends Error {
  readonly trouble: Trouble;
  /** How long the server asks to wait, in milliseconds. */
  readonly wait: number;
  /** The code of the server's answer, "unreachable" if there was none, "unreadable" if the answer cannot be read. */
  readonly code: string;

  constructor(trouble: Trouble, message: string, wait = 0, code = codes[trouble]) {
    super(message);
    this.name = "Failure";
    this.trouble = trouble;
    this.wait = wait;
    this.code = code;
  }

  get reason(): Reason {
    return { code: this.code, text: this.message };
  }

  static of(error: unknown): Failure {
    if (error instanceof Failure) return error;
    return new Failure("unreachable", error instanceof Error ? error.message : String(error));
  }
}
