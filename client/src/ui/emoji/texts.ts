import type { Language } from "../i18n";

/** The texts that only the picker has. They are loaded with it. */
export type PickerText = keyof typeof en;

const en = {
  search: "Search emoji",
  none: "No emoji has this name",
  groups: "Groups of emoji",
  recent: "Recently used",
  smileys: "Smileys and emotions",
  people: "People",
  nature: "Animals and nature",
  food: "Food and drink",
  places: "Travel and places",
  activities: "Activities",
  objects: "Objects",
  symbols: "Symbols",
  flags: "Flags",
};

const de: Record<PickerText, string> = {
  search: "Emoji suchen",
  none: "Kein Emoji heißt so",
  groups: "Gruppen von Emoji",
  recent: "Zuletzt benutzt",
  smileys: "Smileys und Gefühle",
  people: "Menschen",
  nature: "Tiere und Natur",
  food: "Essen und Trinken",
  places: "Reisen und Orte",
  activities: "Aktivitäten",
  objects: "Gegenstände",
  symbols: "Symbole",
  flags: "Flaggen",
};

const ar: Record<PickerText, string> = {
  search: "ابحث عن رمز",
  none: "لا يوجد رمز بهذا الاسم",
  groups: "مجموعات الرموز",
  recent: "المستخدمة مؤخرًا",
  smileys: "وجوه ومشاعر",
  people: "أشخاص",
  nature: "حيوانات وطبيعة",
  food: "طعام وشراب",
  places: "سفر وأماكن",
  activities: "أنشطة",
  objects: "أشياء",
  symbols: "رموز",
  flags: "أعلام",
};

export const pickerTexts: Record<Language, Record<PickerText, string>> = { en, de, ar };
