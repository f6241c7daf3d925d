/** What can go wrong between this device and the server, by what is to be done about it. */
export type Trouble =
  | "unreachable" // no answer, or none of the server's: the outcome is unknown; try again
  | "later" // the server says so itself; try again
  | "unauthenticated" // with another token
  | "rejected"; // never again like this

/** A request, or a call, that failed. */
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
