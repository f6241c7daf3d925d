/** The keys of the shortcuts, as they are written on the keyboard. Phones have none. */
export const shortcutKeys: readonly (readonly [id: string, keys: readonly string[]])[] = [];
