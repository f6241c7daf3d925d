// The core on the engine of phones goes live, sends, is cut off, catches up, and receives a thousand messages in order.
import { request, ask } from "./globals";

import { Chat } from "../../src/core/chat";
import type { Platform } from "../../src/core/device";
import { openMemory } from "../../src/device/memory";

declare const HermesInternal: { getRuntimeProperties(): Readonly<Record<string, unknown>> };
declare const given: { readonly server: string; readonly way: string };

const room = "lobby";
const many = 1_000;
const missed = 150; // a room that nobody looks at keeps only its newest messages in memory

let ids = 0;
const platform: Platform = {
  keyValues: { read: async () => null, write: async () => undefined },
  connectivity: { online: () => true, subscribe: () => () => undefined },
  device: async () => openMemory(),
  tabs: () => ({
    lead: async () => undefined,
    post: () => undefined,
    subscribe: () => () => undefined,
    close: () => undefined,
  }),
  newID: () => `00000000-0000-4000-8000-${String(++ids).padStart(12, "0")}`,
  server: null,
  takeToken: () => null,
  persist: async () => true,
  unsent: async () => 0,
  erase: async () => undefined,
  negotiates: false,
};

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

async function until(what: string, holds: () => boolean, state: () => string = () => ""): Promise<void> {
  const end = Date.now() + 30_000;
  while (!holds()) {
    check(Date.now() < end, `timeout while waiting until ${what} ${state()}`);
    await new Promise<void>((resolve) => void setTimeout(resolve, 20));
  }
}

async function play(): Promise<void> {
  const { "OSS Release Version": version, "Bytecode Version": bytecode } = HermesInternal.getRuntimeProperties();
  request("say", { line: `Hermes ${String(version)}, bytecode ${String(bytecode)}` });
  const chat = await Chat.open(platform, given.way, { client: "phone" });
  const lobby = chat.join(room);
  const texts = new Map<number, string>(); // all that was ever shown, by number
  let last = 0;
  const shown = () => lobby.timeline.get();
  lobby.timeline.subscribe(() => {
    const { messages } = shown();
    messages.forEach((m, i) => {
      check(m.seq === (messages[0]?.seq ?? 0) + i, `${m.seq} is not the number after the one before`);
      check((texts.get(m.seq) ?? m.msg) === m.msg, `number ${m.seq} has become another message`);
      texts.set(m.seq, m.msg);
      last = Math.max(last, m.seq);
    });
  });
  const received = (count: number) => last === count && texts.size === count && shown().outgoing.length === 0;

  const state = () =>
    `${chat.link.get().is}, last ${last}, ${texts.size} shown, ${shown().outgoing.length} waiting, from ${shown().messages[0]?.seq}`;

  await until("it is live", () => chat.link.get().is === "live");
  for (let n = 0; n < 20; n++) await lobby.send(`größer 🦦 ${n}`);
  await until("its own messages are in the log", () => received(20));
  request("say", { line: "live, and 20 messages sent" });

  await ask("ask", { task: "cut", arg: "" });
  await until("it is away", () => chat.link.get().is === "away");
  for (let n = 20; n < 25; n++) await lobby.send(`größer 🦦 ${n}`);
  await ask("fill", { room, count: missed });
  check(last === 20 && chat.waiting.get() === 5, "something arrived while it was cut off");
  await ask("ask", { task: "mend", arg: "" });
  chat.retry();
  await until("it has caught up", () => received(25 + missed), state);
  request("say", { line: `cut off, and caught up with ${missed} messages, 5 of its own sent after them` });

  const began = Date.now();
  await ask("fill", { room, count: many });
  await until("all messages have arrived", () => received(25 + missed + many));
  request("say", { line: `${many} messages received in order in ${Date.now() - began} ms` });

  const own = [...texts.values()].filter((text) => text.startsWith("größer 🦦"));
  check(own.length === 25 && own.every((text, n) => text === `größer 🦦 ${n}`), `its own messages: ${own.join()}`);
  const times = new Map<string, number>();
  for (const text of texts.values()) times.set(text, (times.get(text) ?? 0) + 1);
  for (let n = 0; n < many; n++) {
    check(
      times.get(`number ${n}`) === (n < missed ? 2 : 1),
      `number ${n} was received ${times.get(`number ${n}`)} times`,
    );
  }
  await chat.close();
}

play().then(
  () => request("end", { error: null }),
  (error: unknown) =>
    request("end", { error: error instanceof Error ? `${error.message}\n${error.stack}` : String(error) }),
);
