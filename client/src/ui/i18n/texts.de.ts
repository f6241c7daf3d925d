import { de } from "./de";
import { de as messages } from "./de.messages";
import { de as people } from "./de.people";
import { de as reasons } from "./de.reasons";
import { de as rooms } from "./de.rooms";
import { phones } from "./phones";

/** All texts in German. */
export const texts: readonly string[] = [de, messages, people, rooms, phones.de, reasons];
