/** The kinds of failures between this device and the server. Each kind needs another reaction. */
export type Trouble =
  | "unreachable" // no answer, or not the server's: the outcome is unknown; try again
  | "later" // the server asks to try again
  | "unauthenticated" // try again with another token
  | "rejected" // do not try this again
  | "conflict"; // never with this id: the server keeps another text of this client under it

/** A request or a call that failed. */
export class Failure extends Error {
  readonly trouble: Trouble;
  /** How long the server asks to wait, in milliseconds. */
  readonly wait: number;

  constructor(trouble: Trouble, message: string, wait = 0) {
    super(message);
    this.name = "Failure";
    this.trouble = trouble;
    this.wait = wait;
  }

  static of(error: unknown): Failure {
    if (error instanceof Failure) return error;
    return new Failure("unreachable", error instanceof Error ? error.message : String(error));
  }
}
