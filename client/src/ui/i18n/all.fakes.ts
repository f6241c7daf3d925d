import { provideTexts } from ".";
import { texts as ar } from "./texts.ar";
import { texts as de } from "./texts.de";

// Tests have the texts of all languages from the start.
provideTexts("de", de);
provideTexts("ar", ar);
