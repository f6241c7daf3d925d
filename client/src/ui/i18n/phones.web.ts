/** A page needs none of the texts for phones. */
export const phones = { en: "", de: "", ar: "" };
