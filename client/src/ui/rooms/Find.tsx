import { useEffect, useState } from "react";
import { StyleSheet, View, type TextInputKeyPressEvent } from "react-native";

import type { Chat } from "../../core/chat";
import { Button } from "../Button";
import { Dialog } from "../Dialog";
import { Field } from "../Field";
import { useLocale, type Texts } from "../i18n";
import { useReadable } from "../readable";
import { Text } from "../Text";
import { rem, space } from "../theme";
import { Choices, listId, optionId } from "./Choices";
import { choicesOf, type Choice } from "./find";
import { faultOf, nameOf, nearest, type NameFault } from "./names";
import { useSearch, type Search } from "./useSearch";

interface Props {
  readonly chat: Chat;
  readonly onShow: (room: string) => void;
  readonly onClose: () => void;
}

/** Finds a room by what its name begins with: one's own, the server's, or a new one. */
export function Find({ chat, onShow, onClose }: Props) {
  const { t } = useLocale();
  const rooms = useReadable(chat.rooms);
  const [text, setText] = useState("");
  const [again, setAgain] = useState(0);
  const [chosen, setChosen] = useState(0);
  const [entered, setEntered] = useState<string | null>(null); // the name for which Enter was pressed before the server has answered
  const name = nameOf(text);
  const fault = faultOf(name);
  const search = useSearch(chat, fault === null ? name : null, again);
  const choices = choicesOf(text, rooms, search);
  const place = Math.min(chosen, choices.length - 1);

  const type = (typed: string) => {
    setText(typed);
    setEntered(null);
    setChosen(0);
  };
  const choose = (choice: Choice | undefined) => {
    if (choice === undefined) return setEntered(name);
    if (choice.is !== "joined") chat.join(choice.room);
    onClose();
    onShow(choice.room);
  };
  useEffect(() => {
    if (entered === null || search.is !== "found" || !search.found.rooms.some((room) => room.name === entered)) return;
    chat.join(entered);
    onClose();
    onShow(entered);
  }, [entered, search, chat, onClose, onShow]);
  const move = (event: TextInputKeyPressEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.nativeEvent.key];
    if (step === undefined || choices.length === 0) return;
    event.preventDefault();
    setChosen((place + step + choices.length) % choices.length);
  };
  const better = fault === null ? null : nearest(name);
  return (
    <Dialog title={t("find")} onClose={onClose}>
      <View style={styles.field}>
        <Field
          label={t("find-name")}
          placeholder={t("find-placeholder")}
          problem={fault === null ? undefined : problemOf(fault, t)}
          value={text}
          autoFocus
          enterKeyHint="go"
          autoComplete="off"
          chooses={place < 0 ? null : { list: listId, option: optionId(place) }}
          onChange={type}
          onKeyPress={move}
          onSubmitEditing={() => choose(choices[place])}
        />
        {better !== null && (
          <View style={styles.better}>
            <Button small label={t("find-nearest", { room: better })} onPress={() => type(better)} />
          </View>
        )}
        <Outcome search={search} typed={name} onAgain={() => setAgain(again + 1)} />
      </View>
      {choices.length > 0 && <Choices choices={choices} chosen={place} typed={name !== ""} onChoose={choose} />}
    </Dialog>
  );
}

const styles = StyleSheet.create({
  field: { gap: space.s },
  better: { flexDirection: "row" },
  outcome: { flexDirection: "row", flexWrap: "wrap", alignItems: "center", gap: space.s, minHeight: rem(18) },
});

/** What the list does not say: that it is a part, empty, or not the server's. */
function Outcome({ search, typed, onAgain }: { search: Search; typed: string; onAgain: () => void }) {
  const { t } = useLocale();
  const note = noteOf(search, typed);
  return (
    <View role="status" style={styles.outcome}>
      {note !== null && (
        <Text size="note" tone="muted">
          {t(note)}
        </Text>
      )}
      {search.is === "failed" && <Button small label={t("try-again")} onPress={onAgain} />}
    </View>
  );
}

function noteOf(search: Search, typed: string): string | null {
  if (search.is === "idle") return null;
  if (search.is === "looking") return "find-looking";
  if (search.is === "failed") return search.failure.trouble === "unreachable" ? "find-unreachable" : "find-failed";
  if (!search.found.complete) return typed === "" ? "find-more" : "find-more-begin";
  if (search.found.rooms.length > 0) return null;
  return typed === "" ? "find-none-yet" : "find-none";
}

function problemOf(fault: NameFault, t: Texts): string {
  switch (fault.is) {
    case "begins":
      return t("name-begins");
    case "blank":
      return t("name-blank");
    case "character":
      return t("name-character", { character: fault.character });
    case "long":
      return t("name-long", { count: fault.count });
  }
}
