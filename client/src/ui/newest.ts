import { Emitter } from "../core/store";

/** Tells the messages of the visible room that the user wants to be at the newest one. */
export const newestAsked = new Emitter();
