/** Does nothing: a browser follows links itself. */
export function followLinks(_session: unknown, _texts: unknown): () => void {
  return () => undefined;
}
