import { Store } from "../core/store";
import type { Spot } from "./where";

/** The list of rooms. */
export const list: Spot = { room: null, seq: null };

/** What a phone shows. A page has this in its address. */
export const spot = new Store<Spot>(list);

/** What is open over the page, such as dialogs and menus, the topmost last. */
const layers: (() => void)[] = [];

/** Adds a layer. The returned function removes it. */
export function addLayer(close: () => void): () => void {
  const layer = () => close();
  layers.push(layer);
  return () => void layers.splice(layers.indexOf(layer), 1);
}

/** Closes the topmost layer, and returns whether there was one. */
export function closeTopmost(): boolean {
  const close = layers.at(-1);
  close?.();
  return close !== undefined;
}

/** Closes what is open over the page, and shows a place. */
export function leadTo(place: Spot): void {
  for (const close of [...layers].reverse()) close();
  spot.set(place);
}
