import { StyleSheet, View } from "react-native";

import type { Offer as State, Session } from "../core/session";
import { useBusy } from "./busy";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { useLocale } from "./i18n";
import { useReadable } from "./readable";
import { Text } from "./Text";
import { space } from "./theme";

type Question = Extract<State, { is: "question" }>;

/** Shows what came of the token of a link or a form. If it is somebody else's, it asks whether to go on as that person. */
export function Offer({ session }: { readonly session: Session }) {
  const { t } = useLocale();
  const offer = useReadable(session.offer);
  if (offer === null) return null;
  const dismiss = () => session.dismiss();
  if (offer.is === "question")
    return (
      <Dialog title={t("another-title")} onClose={dismiss}>
        <Another question={offer} onDecline={dismiss} />
      </Dialog>
    );
  const { now } = offer;
  const why =
    offer.is === "unchecked"
      ? t("token-unchecked", { client: offer.client })
      : t(`problem-${offer.problem.replaceAll(" ", "-")}`);
  return (
    <Dialog title={t("token-unused")} onClose={dismiss}>
      <Text role="alert">{why}</Text>
      <Text tone="muted">{t("another-still", { now })}</Text>
      <View style={styles.answers}>
        <Button kind="primary" label={t("another-stay", { now })} onPress={dismiss} />
      </View>
    </Dialog>
  );
}

function Another({ question, onDecline }: { readonly question: Question; readonly onDecline: () => void }) {
  const { t } = useLocale();
  const { now, client, unsent, keeps } = question;
  const [busy, accept] = useBusy(question.accept);
  return (
    <>
      <Text>{t("another-text", { now, client })}</Text>
      {unsent > 0 && (
        <Text role="alert">{t(keeps ? "another-unsent-stays" : "another-unsent-lost", { count: unsent, now })}</Text>
      )}
      <View style={styles.answers}>
        <Button kind="primary" label={t("another-stay", { now })} onPress={onDecline} />
        <Button label={t(busy ? "busy" : "another-accept", { client })} onPress={accept} />
      </View>
    </>
  );
}

const styles = StyleSheet.create({
  answers: { flexDirection: "row", flexWrap: "wrap", justifyContent: "flex-end", gap: space.s },
});
