import { useLocale } from "../i18n";
import { clockTime, fullTime } from "./times";

/** The time of a message. A tooltip shows the full date and time. */
export function Time({ time }: { readonly time: Date }) {
  const { formats } = useLocale();
  const exact = Number.isNaN(time.getTime()) ? {} : { dateTime: time.toISOString(), title: fullTime(time, formats) };
  return <time {...exact}>{clockTime(time, formats)}</time>;
}
