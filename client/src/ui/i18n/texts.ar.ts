import { ar } from "./ar";
import { ar as messages } from "./ar.messages";
import { ar as people } from "./ar.people";
import { ar as reasons } from "./ar.reasons";
import { ar as rooms } from "./ar.rooms";
import { phones } from "./phones";

/** All texts in Arabic. */
export const texts: readonly string[] = [ar, messages, people, rooms, phones.ar, reasons];
