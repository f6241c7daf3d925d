/** The offer to show notifications, made when a message came that the user has missed. */
export interface Offer {
  /** Who wrote the message. */
  readonly name: string;
  readonly accept: () => void;
  readonly decline: () => void;
}
