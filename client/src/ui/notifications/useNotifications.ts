import type { Chat } from "../../core/chat";
import type { Place } from "../where";
import type { Offer } from "./offer";

/** Shows nothing on phones, which would have to be woken by the server while the app is closed. */
export function useNotifications(_chat: Chat, _place: Place): Offer | null {
  return null;
}
