import { ar } from "./ar.phones";
import { de } from "./de.phones";
import { en } from "./en.phones";

/** The texts that only phones need, by language. */
export const phones = { en, de, ar };
