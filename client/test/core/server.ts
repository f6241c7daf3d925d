import assert from "node:assert/strict";

import { isRecord, messagesFrom, type Message } from "../../src/core/message";
import { sleep, server } from "./host";

/** Posts messages to a room directly, not through the proxy. */
export async function fill(room: string, count: number): Promise<void> {
  let next = 0;
  const member = async () => {
    while (next < count) {
      const body = JSON.stringify({ msg: `number ${next++} in ${room}`, client_id: "filler" });
      const response = await fetch(`${server}/rooms/${room}/messages`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body,
      });
      assert.equal(response.status, 202, await response.text());
    }
  };
  await Promise.all(Array.from({ length: 16 }, member));
}

/** Reads the whole log of a room directly, not through the proxy. */
export async function readLog(room: string, token?: string): Promise<readonly Message[]> {
  const log: Message[] = [];
  for (;;) {
    const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    const response = await fetch(`${server}/rooms/${room}/messages?limit=500&after=${log.at(-1)?.seq ?? 0}`, {
      headers,
    });
    const page: unknown = await response.json();
    if (response.status === 429) {
      await sleep(1_000); // the server's limits apply to this request, too
      continue;
    }
    assert(isRecord(page) && Array.isArray(page.messages), `${response.status} ${JSON.stringify(page)}`);
    if (page.messages.length === 0) return log;
    log.push(...messagesFrom(page.messages));
  }
}
