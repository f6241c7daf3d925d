import { useEffect, useMemo, useRef, useState } from "react";
import {
  Platform,
  Pressable,
  ScrollView,
  StyleSheet,
  TextInput,
  View,
  type TextInputKeyPressEvent,
} from "react-native";

import { isOver } from "../Button";
import { useLocale } from "../i18n";
import { useLayer } from "../place";
import { usePreferences } from "../preferences";
import { Text } from "../Text";
import { font, radius, rem, space, useColours } from "../theme";
import { onWeb } from "../web";
import { groups, loadCatalogue, type Catalogue, type Emoji } from "./catalogue";
import { pickerTexts } from "./texts";
import { useOutside } from "./useOutside";

/** In a browser what scrolls must be reached by the keyboard. */
const keyboardScroll = Platform.OS === "web" ? { tabIndex: 0 as const } : {};

const columns = 8;
const most = 80;
const mostRecent = 24;

/** What the picker tells its button. */
export interface PickerProps {
  readonly onPick: (emoji: string) => void;
  readonly onClose: () => void;
}

/** The picker of emoji: a search, the groups, and what was picked before. The arrow keys choose, Enter picks, Escape closes. */
export function Picker({ onPick, onClose }: PickerProps) {
  const colours = useColours();
  const { t, language } = useLocale();
  const own = pickerTexts[language];
  const preferences = usePreferences();
  const frame = useRef<View>(null);
  const [catalogue, setCatalogue] = useState<Catalogue | "failed" | null>(null);
  const [recent] = useState(() => preferences.recentEmoji());
  const [group, setGroup] = useState(recent.length > 0 ? -1 : 0);
  const [query, setQuery] = useState("");
  const [chosen, setChosen] = useState(0);
  useOutside(frame, onClose);
  useLayer(onClose);
  useEffect(() => {
    loadCatalogue(language).then(setCatalogue, () => setCatalogue("failed"));
  }, [language]);
  const shown = useMemo(() => shownOf(catalogue, query, group, recent), [catalogue, query, group, recent]);

  const pick = (emoji: string) => {
    preferences.noteEmoji(emoji, mostRecent);
    onPick(emoji);
  };
  const onKeyPress = (event: TextInputKeyPressEvent) => {
    const { key } = event.nativeEvent;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[key];
    const emoji = shown[chosen];
    if (step !== undefined && (query === "" || Math.abs(step) > 1))
      setChosen(Math.max(0, Math.min(shown.length - 1, chosen + step)));
    else if (key === "Enter" && emoji !== undefined) pick(emoji.text);
    else if (key === "Escape") onClose();
    else return;
    event.preventDefault();
  };
  return (
    <View
      ref={frame}
      role="dialog"
      aria-label={t("emoji")}
      testID="emoji-picker"
      style={[styles.panel, { backgroundColor: colours.surface, borderColor: colours.line }]}
    >
      <TextInput
        autoFocus
        value={query}
        onChangeText={(text) => {
          setQuery(text);
          setChosen(0);
        }}
        onKeyPress={onKeyPress}
        submitBehavior="submit"
        aria-label={own.search}
        placeholder={own.search}
        placeholderTextColor={colours.muted}
        aria-activedescendant={shown.length === 0 ? undefined : `emoji-${chosen}`}
        style={[styles.search, { color: colours.text, backgroundColor: colours.sunken, borderColor: colours.muted }]}
      />
      <Groups
        group={query === "" ? group : null}
        recent={recent.length > 0}
        onChoose={(i) => {
          setGroup(i);
          setQuery("");
          setChosen(0);
        }}
      />
      <ScrollView style={styles.scroll} keyboardShouldPersistTaps="handled" {...keyboardScroll}>
        {shown.length === 0 ? (
          <Text tone="muted" style={styles.none}>
            {catalogue === null ? t("loading") : catalogue === "failed" ? t("emoji-failed") : own.none}
          </Text>
        ) : (
          <Grid shown={shown} chosen={chosen} onPick={pick} />
        )}
      </ScrollView>
    </View>
  );
}

interface GridProps {
  readonly shown: readonly Emoji[];
  readonly chosen: number;
  readonly onPick: (emoji: string) => void;
}

function Grid({ shown, chosen, onPick }: GridProps) {
  const colours = useColours();
  const { t } = useLocale();
  return (
    <View role={"listbox" as "list"} aria-label={t("emoji")} style={styles.grid}>
      {shown.map((emoji, i) => (
        <Pressable
          key={emoji.text}
          id={`emoji-${i}`}
          role="option"
          aria-selected={i === chosen}
          aria-label={emoji.names[0]?.replaceAll("_", " ") ?? emoji.text}
          {...onWeb({ dataSet: { tip: `:${emoji.names[0] ?? ""}:` } })}
          tabIndex={-1}
          onPress={() => onPick(emoji.text)}
          style={(state) => [styles.cell, (i === chosen || isOver(state)) && { backgroundColor: colours.selected }]}
        >
          <Text style={styles.emoji}>{emoji.text}</Text>
        </Pressable>
      ))}
    </View>
  );
}

function shownOf(
  catalogue: Catalogue | "failed" | null,
  query: string,
  group: number,
  recent: readonly string[],
): readonly Emoji[] {
  if (catalogue === null || catalogue === "failed") return [];
  if (query.trim() !== "") return catalogue.search(query, most);
  if (group >= 0) return catalogue.all.filter((emoji) => emoji.group === group);
  return recent.flatMap((text) => catalogue.all.find((emoji) => emoji.text === text) ?? []);
}

interface GroupsProps {
  /** The visible group, -1 for what was picked before; null while something is searched. */
  readonly group: number | null;
  readonly recent: boolean;
  readonly onChoose: (group: number) => void;
}

function Groups({ group, recent, onChoose }: GroupsProps) {
  const colours = useColours();
  const own = pickerTexts[useLocale().language];
  const all = [
    ...(recent ? [[-1, "recent", "🕘"] as const] : []),
    ...groups.map(([name, sign], i) => [i, name, sign] as const),
  ];
  return (
    <View role="group" aria-label={own.groups} style={styles.groups}>
      {all.map(([i, name, sign]) => (
        <Pressable
          key={name}
          role="button"
          aria-label={own[name]}
          aria-pressed={i === group}
          {...onWeb({ dataSet: { tip: own[name] } })}
          onPress={() => onChoose(i)}
          style={(state) => [styles.group, (i === group || isOver(state)) && { backgroundColor: colours.selected }]}
        >
          <Text size="body">{sign}</Text>
        </Pressable>
      ))}
    </View>
  );
}

const cell = 38;

const styles = StyleSheet.create({
  panel: {
    width: rem(columns * cell + 2 * 8 + 18),
    maxWidth: "100%",
    borderWidth: 1,
    borderRadius: radius.m,
    padding: space.s,
    gap: space.s,
    boxShadow: "0 6px 24px #0000003d",
  },
  search: {
    fontSize: rem(font.body),
    height: rem(38),
    paddingHorizontal: space.m,
    borderRadius: radius.s,
    borderWidth: 1,
  },
  groups: { flexDirection: "row", justifyContent: "space-between" },
  group: { width: rem(30), height: rem(30), alignItems: "center", justifyContent: "center", borderRadius: radius.s },
  scroll: { height: rem(236) },
  grid: { flexDirection: "row", flexWrap: "wrap" },
  cell: { width: rem(cell), height: rem(cell), alignItems: "center", justifyContent: "center", borderRadius: radius.s },
  emoji: { fontSize: rem(23), lineHeight: rem(30) },
  none: { textAlign: "center", padding: space.l },
});
