import type { KeyValueStore } from "../core/device";

import { isOfTab } from "./oftab";

const prefix = "restante:";
/** Values that the browser could not store. They live as long as the page. */
const unsaved = new Map<string, string | null>();

/** Removes all values of the app. */
export async function eraseKeyValues(): Promise<void> {
  unsaved.clear();
  for (const storage of [localStorage, sessionStorage])
    for (const key of Object.keys(storage)) if (key.startsWith(prefix)) storage.removeItem(key);
}

/** The browser's localStorage, which tabs share, and for values of one tab its sessionStorage. */
export const keyValues: KeyValueStore = {
  async read(key) {
    try {
      if (unsaved.has(key)) return unsaved.get(key) ?? null;
      if (!isOfTab(key)) return localStorage.getItem(prefix + key);
      return isValid() ? sessionStorage.getItem(prefix + key) : null;
    } catch {
      return null;
    }
  },
  async write(key, value) {
    try {
      if (isOfTab(key)) writeOfTab(key, value);
      else if (value === null) localStorage.removeItem(prefix + key);
      else localStorage.setItem(prefix + key, value);
      unsaved.delete(key);
    } catch {
      unsaved.set(key, value);
    }
  },
};

// A browser may unload a tab, and load it again with its values hours later. If somebody has signed out meanwhile, the tab must
// not go on as before. So the values of a tab have a random mark, which all tabs share. Removing such a value removes the mark,
// and the tabs that run make another one.
const markKey = `${prefix}mark`;

/** Whether the values of this tab have the mark of all tabs. */
function isValid(): boolean {
  const mark = sessionStorage.getItem(markKey);
  return mark !== null && mark === localStorage.getItem(markKey);
}

function writeOfTab(key: string, value: string | null): void {
  if (value === null) {
    for (const name of [prefix + key, markKey]) sessionStorage.removeItem(name);
    localStorage.removeItem(markKey);
  } else {
    sessionStorage.setItem(prefix + key, value);
    takeMark();
  }
}

/** Gives the values of this tab the mark of all tabs, which is made if there is none. */
function takeMark(): void {
  const mark = localStorage.getItem(markKey) ?? String(Math.random());
  localStorage.setItem(markKey, mark);
  sessionStorage.setItem(markKey, mark);
}

/** Lets the values of this tab outlive the end of another tab's ones. Called once. */
export function keepTabValues(): void {
  window.addEventListener("storage", ({ key }) => {
    try {
      if ((key === markKey || key === null) && sessionStorage.getItem(markKey) !== null) takeMark();
    } catch {
      // The browser has locked the storage. The tab then starts as a new one.
    }
  });
}
