import { StyleSheet, View } from "react-native";

import { Button } from "../Button";
import { useLocale } from "../i18n";
import { Text } from "../Text";
import { space, useColours } from "../theme";
import type { Offer } from "./offer";

/** Offers notifications after a message was missed. It waits for an answer and hides nothing. */
export function OfferStrip({ offer }: { readonly offer: Offer }) {
  const colours = useColours();
  const { t } = useLocale();
  return (
    <View
      role="region"
      aria-label={t("notifications")}
      testID="notifications-offer"
      style={[styles.strip, { backgroundColor: colours.selected }]}
    >
      <Text size="note" style={styles.text}>
        {t("notifications-offer", { name: offer.name })}
      </Text>
      <Button small kind="primary" label={t("notifications-accept")} onPress={offer.accept} />
      <Button small label={t("notifications-later")} onPress={offer.decline} />
    </View>
  );
}

const styles = StyleSheet.create({
  strip: {
    flexDirection: "row",
    flexWrap: "wrap",
    alignItems: "center",
    gap: space.s,
    paddingHorizontal: space.l,
    paddingVertical: space.s,
  },
  text: { flexGrow: 1, flexShrink: 1, flexBasis: 240 },
});
