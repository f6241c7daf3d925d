import type { Chat } from "../../core/chat";
import { Button } from "../Button";
import { useLocale } from "../i18n";
import { Note } from "../Note";
import { useSearch } from "./useSearch";

interface Props {
  readonly chat: Chat;
  readonly room: string;
  /** Leads to the list if it is not beside this page. */
  readonly onBack: (() => void) | undefined;
}

/** Stands for a room that an address names and that the client has not joined: it says whether the room exists, and offers to join. */
export function NotJoined({ chat, room, onBack }: Props) {
  const { t } = useLocale();
  const search = useSearch(chat, room);
  const there = search.is === "found" ? search.found.rooms.find(({ name }) => name === room) : undefined;
  const missing = search.is === "found" && search.found.complete && there === undefined;
  const text =
    there === undefined ? t("not-joined-text", { room }) : t("not-joined-count", { room, count: there.last_seq });
  return (
    <Note
      title={missing ? t("no-such-room", { room }) : t("not-joined")}
      text={missing ? t("no-such-room-text") : text}
    >
      <Button
        kind="primary"
        label={t(missing ? "create-this" : "join-this", { room })}
        onPress={() => chat.join(room)}
      />
      {onBack !== undefined && <Button label={t("back")} onPress={onBack} />}
    </Note>
  );
}
