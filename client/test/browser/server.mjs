// Calls of the server's HTTP API, without the app.
import assert from "node:assert/strict";

import { url } from "./host.mjs";

/** Posts a message. */
export async function post(room, msg, client = "poster") {
  const answer = await fetch(`${url}/rooms/${room}/messages`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ msg, client_id: client }),
  });
  assert.equal(answer.status, 202, await answer.text());
}

/** Returns the whole log of a room. */
export async function history(room, token) {
  const messages = [];
  for (;;) {
    const after = messages.at(-1)?.seq ?? 0;
    const answer = await fetch(
      `${url}/rooms/${room}/messages?after=${after}&limit=500`,
      token ? { headers: { Authorization: `Bearer ${token}` } } : {},
    );
    assert.equal(answer.status, 200);
    const page = (await answer.json()).messages;
    if (page.length === 0) return messages;
    messages.push(...page);
  }
}
