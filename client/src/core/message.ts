import { Failure } from "./failure";

/** A message as the server stores it, see docs/api/hub.md, "Server to client". */
export interface Message {
  readonly id: string;
  readonly room: string;
  /** The number of the message in the room: 1, 2, 3, … without gaps. */
  readonly seq: number;
  readonly client_id: string;
  readonly msg: string;
  /** When it was accepted, RFC 3339. */
  readonly sent_at: string;
  readonly stored_at: string;
}

/** A message of this client until it comes back in its room's log. */
export interface Outgoing {
  /** A UUID. The server stores a client's message once per id, so sending it twice is harmless. */
  readonly id: string;
  readonly room: string;
  readonly msg: string;
  /** When it was written on this device, RFC 3339. */
  readonly written_at: string;
  /**
   * A message has failed if the server does not accept it as it is. In a conflict the server keeps another text of this client under
   * the id, so that it will never accept this one; it stays here for copying. Every other message waits and is tried again.
   */
  readonly state: "waiting" | "accepted" | "failed" | "conflict";
  /** Why the server has not accepted it. Set if it has failed, is a conflict, or has waited long. */
  readonly reason?: string;
  /** When it was accepted, by the server's clock. */
  readonly accepted_at?: string;
}

/** Returns the ids of a client's own messages. Others may have the same ids. */
export function ownIDs(messages: readonly Message[], client: string): string[] {
  return messages.filter((m) => m.client_id === client).map((m) => m.id);
}

/** The server's limits, see internal/chat. */
export const maxBytes = 32 * 1024;
export const roomPattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** Returns the size of a text as the server counts it, in bytes of UTF-8. */
export function byteLength(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

/** Returns why a text cannot be sent; null if it can. */
export function faultOf(text: string): "empty" | "too long" | null {
  if (text.trim() === "") return "empty";
  return byteLength(text) > maxBytes ? "too long" : null;
}

/** Returns the text to send. It replaces lone surrogates, which the server rejects. Throws a Failure if it cannot be sent. */
export function sendable(text: string): string {
  const fault = faultOf(text);
  if (fault !== null) throw new Failure("rejected", `the message is ${fault}`);
  return text.replace(/[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]/g, (c) => (c.length === 2 ? c : "\ufffd"));
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
