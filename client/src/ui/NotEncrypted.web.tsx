/** Draws nothing: a browser says itself whether a page is encrypted, and the app talks to the server of its page only. */
export function NotEncrypted(_: { readonly server: string }) {
  return null;
}
