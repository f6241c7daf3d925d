import { isRecord } from "../../src/core/message";

/** Counts how many posts repeat a message id from now on. */
export function countPosts(): { readonly repeats: () => number } {
  const posted = new Map<string, number>();
  const send = globalThis.fetch;
  globalThis.fetch = (input, init) => {
    const body: unknown =
      init?.method === "POST" && typeof init.body === "string" && init.body !== "" ? JSON.parse(init.body) : null;
    if (isRecord(body) && typeof body.id === "string") posted.set(body.id, (posted.get(body.id) ?? 0) + 1);
    return send(input, init);
  };
  return { repeats: () => [...posted.values()].reduce((sum, times) => sum + times - 1, 0) };
}
