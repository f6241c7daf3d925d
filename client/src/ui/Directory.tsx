import { Pressable, StyleSheet, View } from "react-native";

import { Avatar } from "./Avatar";
import { isOver } from "./Button";
import { useLocale } from "./i18n";
import { Text } from "./Text";
import { radius, space, useColours } from "./theme";

/** How many rooms are shown. The filter narrows them down. */
const most = 50;

interface Props {
  readonly found: readonly string[] | "failed" | null;
  /** Only rooms whose name contains this are shown. */
  readonly filter: string;
  readonly onJoin: (room: string) => void;
}

/** The other rooms of the server. */
export function Directory({ found, filter, onJoin }: Props) {
  const colours = useColours();
  const { t } = useLocale();
  const names = Array.isArray(found) ? found.filter((name) => name.includes(filter)).slice(0, most) : [];
  const note = noteOf(found, names.length);
  return (
    <View style={styles.directory}>
      <Text strong size="small" tone="muted">
        {t("directory")}
      </Text>
      {note !== null && (
        <Text tone="muted" role="status">
          {t(note)}
        </Text>
      )}
      {names.map((name) => (
        <Pressable
          key={name}
          role="button"
          testID={`directory-${name}`}
          aria-label={name}
          onPress={() => onJoin(name)}
          style={(state) => [styles.entry, isOver(state) && { backgroundColor: colours.hover }]}
        >
          <Avatar name={name} size={32} />
          <Text quoted numberOfLines={1} style={styles.name}>
            {name}
          </Text>
        </Pressable>
      ))}
    </View>
  );
}

function noteOf(found: Props["found"], shown: number): string | null {
  if (found === null) return "directory-loading";
  if (found === "failed") return "directory-failed";
  if (found.length === 0) return "directory-empty";
  return shown === 0 ? "directory-none" : null;
}

const styles = StyleSheet.create({
  directory: { gap: space.xs },
  entry: {
    flexDirection: "row",
    alignItems: "center",
    gap: space.m,
    minHeight: 44,
    paddingHorizontal: space.s,
    marginHorizontal: -space.s,
    borderRadius: radius.m,
  },
  name: { flex: 1 },
});
