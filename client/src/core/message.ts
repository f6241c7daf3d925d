import { Failure, type Reason } from "./failure";

/** A message as the server stores it, see docs/api/hub.md, "Server to client". */
export interface Message {
  readonly kind: "message";
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

/** What a client's message has in every state. */
export interface Written {
  readonly kind: "outgoing";
  /** A UUID. The server stores a client's message once per id, so sending it twice is harmless. */
  readonly id: string;
  readonly room: string;
  readonly msg: string;
  /** When it was written by the device's clock, RFC 3339. The clock may be changed, so `order` tells which of two was written first. */
  readonly written_at: string;
  /** The position in the order of writing on this device. It grows also when the device's clock is set back. */
  readonly order: number;
}

/** A message of this client until it comes back in its room's log. */
export type Outgoing = Written &
  (
    | {
        /** "sending": this tab is posting it now. The device and the other tabs know it as "waiting". */
        readonly state: "waiting" | "sending";
        /** Why it still waits, after some tries while connected. Then the user can discard it. Null before. */
        readonly reason: Reason | null;
      }
    | {
        readonly state: "accepted";
        /** When it was accepted, by the server's clock. */
        readonly accepted_at: string;
      }
    | {
        /** The server does not accept it as it is. It waits for the user. */
        readonly state: "failed";
        readonly reason: Reason;
        /** Whether the server keeps another text of this client under the id. Then it will never accept this one, which stays for copying. */
        readonly conflict: boolean;
      }
  );

/** A message that the server has not answered yet. */
export type Unsent = Extract<Outgoing, { readonly state: "waiting" | "sending" }>;

/** Whether the server has not answered a message yet. */
export function isUnsent(outgoing: Outgoing): outgoing is Unsent {
  return outgoing.state === "waiting" || outgoing.state === "sending";
}

/** Whether the user may discard a message: one that shows why the server has not accepted it. */
export function isDiscardable(outgoing: Outgoing): boolean {
  return outgoing.state === "failed" || (isUnsent(outgoing) && outgoing.reason !== null);
}

/** Returns when a message was sent or written, RFC 3339. */
export function timeOf(message: Message | Outgoing): string {
  return message.kind === "message" ? message.sent_at : message.written_at;
}

/** Reads a message that a device has stored. Null if it is none. Those that were stored by earlier versions have no kind. */
export function messageFrom(value: unknown): Message | null {
  if (!isRecord(value)) return null;
  const { id, room, seq, client_id, msg, sent_at, stored_at } = value;
  const texts = [id, room, client_id, msg, sent_at, stored_at];
  if (!texts.every((text) => typeof text === "string")) return null;
  if (typeof seq !== "number" || !Number.isSafeInteger(seq) || seq < 1) return null;
  return { ...(value as unknown as Message), kind: "message" }; // the checks above cover every field
}

/** Reads the messages of a list, without those that are none. */
export function messagesFrom(values: readonly unknown[]): Message[] {
  return values.flatMap((value) => messageFrom(value) ?? []);
}

/**
 * Reads the messages of a stored outbox, in their order, without those that are none. Earlier versions stored them without kind and
 * order, the reason as a text, and a conflict as a state.
 */
export function outgoingsFrom(values: readonly unknown[]): Outgoing[] {
  let order = 0;
  return values.flatMap((value) => {
    const read = outgoingFrom(value, order + 1);
    order = Math.max(order, read?.order ?? 0);
    return read ?? [];
  });
}

function outgoingFrom(value: unknown, position: number): Outgoing | null {
  if (!isRecord(value)) return null;
  const { id, room, msg, written_at, state } = value;
  if (typeof id !== "string" || typeof room !== "string" || typeof msg !== "string") return null;
  const order = typeof value.order === "number" ? value.order : position;
  const written = typeof written_at === "string" ? written_at : "";
  const common: Written = { kind: "outgoing", id, room, msg, written_at: written, order };
  if (state === "failed" || state === "conflict") {
    const conflict = state === "conflict" || value.conflict === true;
    const reason = reasonFrom(value.reason, conflict ? "conflict" : "invalid") ?? { code: "invalid", text: "" };
    return { ...common, state: "failed", conflict, reason };
  }
  return { ...common, state: "waiting", reason: reasonFrom(value.reason, "unreachable") }; // sent again, which is harmless
}

function reasonFrom(value: unknown, code: string): Reason | null {
  if (typeof value === "string") return { code, text: value };
  if (!isRecord(value) || typeof value.code !== "string" || typeof value.text !== "string") return null;
  return { code: value.code, text: value.text };
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
  if (fault !== null) throw new Failure("rejected", `msg is ${fault}`);
  return text.replace(/[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]/g, (c) => (c.length === 2 ? c : "\ufffd"));
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
