import { useEffect, useSyncExternalStore } from "react";

import { fragmentOf, spotOf, type Place } from "./where";
import { useLatest } from "./latest";

/** The states of history entries: a room that was shown from the list, and a layer that is open over the page. */
const fromList = "from the list";
const layer = "layer";

const watchers = new Set<() => void>();

/** Returns the current place. It is in the page's fragment, so that back, forward, bookmarks and links lead to rooms and messages. */
export function usePlace(): Place {
  const fragment = useSyncExternalStore(subscribe, () => location.hash);
  const { room, seq } = spotOf(fragment);
  return { room, seq, show, back };
}

function show(room: string, seq?: number | null): void {
  layers.settled(() => {
    const before = spotOf(location.hash);
    if (before.room === room && before.seq === (seq ?? null)) return;
    const state = before.room === null ? fromList : null;
    const fragment = fragmentOf(room, seq);
    if (history.state === layer)
      history.replaceState(state, "", fragment); // what was open has led here, and need not be passed on the way back
    else history.pushState(state, "", fragment);
    notify();
  });
}

/** Goes back to the list, without a new history entry if the list is the previous one. */
function back(): void {
  layers.settled(() => {
    if (history.state === layer) return layers.leave(back);
    if (history.state === fromList) return history.back();
    history.replaceState(null, "", location.pathname + location.search);
    notify();
  });
}

/**
 * The layers that are open over the page, such as dialogs. Each has a history entry, so that Back closes the topmost one. The
 * entry is removed when a layer is closed otherwise; the browser does so later, and what changes the history waits for it.
 */
class Layers {
  readonly #open: (() => void)[] = [];
  #entries = history.state === layer ? 1 : 0; // the page was loaded again while a layer was open
  #removing = false;
  #waiting: (() => void)[] = [];

  /** Opens a layer. Returns what is called when it has been closed. */
  open(close: () => void): () => void {
    this.#open.push(close);
    queueMicrotask(() => this.settle());
    return () => {
      const place = this.#open.indexOf(close);
      if (place >= 0) this.#open.splice(place, 1);
      queueMicrotask(() => this.settle()); // a layer that replaces this one takes its entry
    };
  }

  /** Calls act when no entry is being removed. */
  settled(act: () => void): void {
    if (this.#removing) this.#waiting.push(act);
    else act();
  }

  /** Goes to the entry below all layers, and calls act there. */
  leave(act: () => void): void {
    this.#waiting.push(act);
    this.#remove(Math.max(1, this.#entries));
  }

  /** Follows the browser to another entry. */
  moved(): void {
    const removed = this.#removing;
    this.#removing = false;
    if (history.state !== layer) this.#entries = 0;
    else if (!removed) this.#entries = Math.max(1, this.#entries - 1);
    if (!removed) for (const close of this.#open.splice(this.#entries).reverse()) close();
    for (const act of this.#waiting.splice(0)) act();
    queueMicrotask(() => this.settle()); // Forward may lead to the entry of a layer that was closed
  }

  /** Makes as many entries as layers are open. */
  settle(): void {
    this.settled(() => {
      if (history.state !== layer) this.#entries = 0; // a room was shown from the layer
      for (; this.#entries < this.#open.length; this.#entries++) history.pushState(layer, "");
      if (this.#entries > this.#open.length) this.#remove(this.#entries - this.#open.length);
    });
  }

  #remove(entries: number): void {
    this.#entries = Math.max(0, this.#entries - entries);
    this.#removing = true;
    history.go(-entries);
  }
}

const layers = new Layers();

/** Closes a layer over the page, such as a dialog, when the user goes back. */
export function useLayer(close: () => void): void {
  const newest = useLatest(close);
  useEffect(() => layers.open(() => newest.current()), [newest]);
}

function notify(): void {
  for (const changed of [...watchers]) changed();
}

function subscribe(changed: () => void): () => void {
  watchers.add(changed);
  window.addEventListener("hashchange", changed);
  return () => {
    watchers.delete(changed);
    window.removeEventListener("hashchange", changed);
  };
}

window.addEventListener("popstate", () => {
  layers.moved();
  notify();
});
layers.settle();
