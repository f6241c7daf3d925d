import { useEffect, useMemo } from "react";
import { Platform, Pressable, StyleSheet, View } from "react-native";

import { Avatar } from "../Avatar";
import { isOver } from "../Button";
import { Icon } from "../Icon";
import { useLocale, type Texts } from "../i18n";
import { Text } from "../Text";
import { radius, rem, space, useColours } from "../theme";
import { onWeb } from "../web";
import type { Choice } from "./find";

/** The ids of the list and of its options, for the field that the list belongs to. */
export const listId = "rooms-found";
export const optionId = (place: number): string => `${listId}-${place}`;

interface Props {
  readonly choices: readonly Choice[];
  /** The place of the choice that Enter takes. */
  readonly chosen: number;
  /** Whether the choices are the answer to something that was typed. */
  readonly typed: boolean;
  readonly onChoose: (choice: Choice) => void;
}

const groups = ["joined", "found", "new"] as const;

/** The rooms to choose from: those of the client, those of the server, and one that does not exist yet. */
export function Choices({ choices, chosen, typed, onChoose }: Props) {
  const { t } = useLocale();
  const placed = useMemo(() => choices.map((choice, place) => ({ choice, place })), [choices]);
  useEffect(() => {
    if (Platform.OS === "web") document.getElementById(optionId(chosen))?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  return (
    <View role="list" {...onWeb({ role: "listbox" })} id={listId} aria-label={t("find")} style={styles.list}>
      {groups.map((group) => {
        const rows = placed.filter(({ choice }) => groupOf(choice) === group);
        if (rows.length === 0) return null;
        return (
          <View key={group} role="group" aria-label={t(`find-group-${group}`)}>
            <Text size="small" strong tone="muted" aria-hidden style={styles.heading}>
              {t(`find-group-${group}`)}
            </Text>
            {rows.map(({ choice, place }) => (
              <Option key={choice.room} {...{ choice, place, typed, onChoose }} chosen={place === chosen} />
            ))}
          </View>
        );
      })}
    </View>
  );
}

function groupOf(choice: Choice): (typeof groups)[number] {
  return choice.is === "joined" || choice.is === "found" ? choice.is : "new";
}

interface OptionProps {
  readonly choice: Choice;
  readonly place: number;
  readonly chosen: boolean;
  readonly typed: boolean;
  readonly onChoose: (choice: Choice) => void;
}

function Option({ choice, place, chosen, typed, onChoose }: OptionProps) {
  const colours = useColours();
  const { t } = useLocale();
  const { facts, act } = wordsOf(choice, t);
  const fresh = choice.is === "create" || choice.is === "enter";
  return (
    <Pressable
      role="option"
      id={optionId(place)}
      tabIndex={-1}
      testID={`directory-${choice.room}`}
      aria-selected={chosen}
      aria-label={[choice.room, ...facts, act].join(", ")}
      onPress={() => onChoose(choice)}
      style={(state) => [
        styles.option,
        (chosen || isOver(state)) && { backgroundColor: chosen ? colours.selected : colours.hover },
      ]}
    >
      {fresh ? (
        <View style={styles.sign}>
          <Icon name="plus" colour={colours.muted} size={18} />
        </View>
      ) : (
        <Avatar name={choice.room} size={28} />
      )}
      <Text quoted strong={choice.is === "joined" && choice.unread > 0} numberOfLines={1} style={styles.name}>
        {choice.room}
      </Text>
      {(typed || choice.is !== "joined" ? facts : []).map((fact) => (
        <Text key={fact} size="small" tone="muted">
          {fact}
        </Text>
      ))}
      <Text size="small" strong style={{ color: chosen ? colours.text : colours.accent }}>
        {act}
      </Text>
    </Pressable>
  );
}

/** What is known of a choice, and what choosing it does. */
function wordsOf(choice: Choice, t: Texts): { readonly facts: readonly string[]; readonly act: string } {
  switch (choice.is) {
    case "joined":
      return { facts: [t("find-joined")], act: t("find-open") };
    case "found":
      return { facts: [t("find-messages", { count: choice.messages })], act: t("find-join") };
    case "create":
      return { facts: [], act: t("find-create") };
    case "enter":
      return { facts: [t("find-unknown")], act: t("find-join") };
  }
}

const styles = StyleSheet.create({
  list: { gap: space.s, marginHorizontal: -space.s },
  heading: { paddingHorizontal: space.s, paddingVertical: space.xs },
  option: {
    flexDirection: "row",
    alignItems: "center",
    gap: space.s,
    minHeight: rem(40),
    paddingHorizontal: space.s,
    borderRadius: radius.s,
  },
  sign: { width: rem(28), alignItems: "center" },
  name: { flex: 1, minWidth: 0 },
});
