import { StyleSheet } from "react-native";

import { exposureOf } from "../core/cleartext";
import { useLocale } from "./i18n";
import { Text } from "./Text";
import { radius, space, useColours } from "./theme";

/** Says aloud that others can read what goes between the app and a server. Draws nothing if they cannot. */
export function NotEncrypted({ server }: { readonly server: string }) {
  const colours = useColours();
  const { t } = useLocale();
  if (exposureOf(server) === "nobody") return null;
  return (
    <Text
      size="small"
      strong
      testID="not-encrypted"
      style={[styles.warning, { color: colours.onWarning, backgroundColor: colours.warning }]}
    >
      {t("not-encrypted")}
    </Text>
  );
}

const styles = StyleSheet.create({
  warning: { alignSelf: "flex-start", paddingHorizontal: space.s, borderRadius: radius.s },
});
