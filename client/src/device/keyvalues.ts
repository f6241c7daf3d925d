import { deleteItemAsync, getItemAsync, setItemAsync } from "expo-secure-store";

import type { KeyValueStore } from "../core/device";

const prefix = "restante.";

/** The system's keychain. Keys consist of letters, digits, dots, dashes and underscores. */
export const keyValues: KeyValueStore = {
  read: (key) => getItemAsync(prefix + key),
  write: (key, value) => (value === null ? deleteItemAsync(prefix + key) : setItemAsync(prefix + key, value)),
};
