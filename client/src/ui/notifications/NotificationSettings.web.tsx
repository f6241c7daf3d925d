import { useState } from "react";

import { useLocale } from "../i18n";
import { usePreferences } from "../preferences";
import { useReadable } from "../readable";
import { Choice, Section } from "../Rows";
import { Text } from "../Text";
import { askPermission, permission } from "./system";

/** Turns notifications on and off, and says what the browser allows. */
export function NotificationSettings() {
  const { t } = useLocale();
  const preferences = usePreferences();
  const { notifications } = useReadable(preferences.choices);
  const [allowed, setAllowed] = useState(permission);
  const on = notifications === "on" && allowed === "granted";
  const choose = (chosen: string) => {
    if (chosen === "off") return preferences.choose({ notifications: "off" });
    void askPermission().then((granted) => {
      setAllowed(permission());
      preferences.choose({ notifications: granted ? "on" : "off" });
    });
  };
  return (
    <Section title={t("notifications")}>
      {allowed !== "none" && allowed !== "denied" && (
        <Choice
          title={t("notifications-show")}
          chosen={on ? "on" : "off"}
          options={[
            ["on", t("notifications-on")],
            ["off", t("notifications-off")],
          ]}
          onChoose={choose}
        />
      )}
      <Text size="small" tone="muted" role="status">
        {t(hintOf(allowed))}
      </Text>
    </Section>
  );
}

function hintOf(allowed: NotificationPermission | "none"): string {
  if (allowed === "none") return "notifications-none";
  return allowed === "denied" ? "notifications-denied" : "notifications-hint";
}
