import { en } from "./en";
import { en as messages } from "./en.messages";
import { en as people } from "./en.people";
import { en as reasons } from "./en.reasons";
import { en as rooms } from "./en.rooms";
import { phones } from "./phones";

/** All texts in English. */
export const texts: readonly string[] = [en, messages, people, rooms, phones.en, reasons];
