const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Resolves when the text is stored. It is stored once, however often it is sent, because the id stays the same. */
export async function send(url, headers, message) {
  const body = JSON.stringify({ id: crypto.randomUUID(), ...message });
  for (;; await pause(1000)) {
    const request = { method: "POST", headers: { "Content-Type": "application/json", ...headers() }, body };
    const response = await fetch(url, request).catch(() => null);
    if (response?.ok) return response.json();
    if (response && response.status < 500 && response.status !== 429) throw new Error(await response.text());
  }
}
