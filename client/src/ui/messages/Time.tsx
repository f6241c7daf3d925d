import { Text } from "react-native";

import { useLocale } from "../i18n";
import { clockTime, fullTime } from "./times";

/** The time of a message. Screen readers read the full date and time. */
export function Time({ time }: { readonly time: Date }) {
  const { formats } = useLocale();
  return <Text accessibilityLabel={fullTime(time, formats)}>{clockTime(time, formats)}</Text>;
}
