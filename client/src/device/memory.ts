import type { Device, Values } from "../core/device";
import type { Message, Outgoing } from "../core/message";

import { recordedOf } from "./recorded";

/** The data that several Devices in memory share, as tabs share a database. */
export class Memory {
  readonly values = new Map<string, unknown>();
  readonly rooms = new Map<string, Map<number, Message>>();
  readonly outbox = new Map<string, Outgoing>();
}

/** A Device whose data is lost when the page closes. It is used in tests, and where a browser does not allow storage. */
export function openMemory(memory = new Memory()): Device {
  const roomOf = (room: string) => memory.rooms.get(room) ?? new Map<number, Message>();
  const isOf = (room: string, epoch: string | undefined) => memory.values.get(`epoch:${room}`) === epoch;
  return {
    keeps: false,
    get: async <K extends keyof Values>(key: K) => memory.values.get(key) as Values[K] | undefined,
    async set(key, value) {
      if (value === undefined) memory.values.delete(key);
      else memory.values.set(key, value);
    },
    async begin(room, epoch) {
      if (isOf(room, epoch)) return;
      memory.rooms.delete(room);
      memory.values.set(`epoch:${room}`, epoch);
    },
    async keep(room, messages, own, epoch) {
      for (const id of own) memory.outbox.delete(id);
      if (!isOf(room, epoch)) return;
      const kept = roomOf(room);
      for (const message of messages) kept.set(message.seq, message);
      memory.rooms.set(room, kept);
    },
    async history(room, limit, before, epoch) {
      const kept = isOf(room, epoch) ? roomOf(room) : new Map<number, Message>();
      const found: Message[] = [];
      for (let seq = before === undefined ? newest(kept) : before - 1; found.length < limit; seq--) {
        const message = kept.get(seq);
        if (message === undefined) break;
        found.push(message);
      }
      return found.reverse();
    },
    async prune(room, most) {
      const kept = roomOf(room);
      const seqs = [...kept.keys()].sort((a, b) => b - a);
      for (const seq of seqs.slice(most)) kept.delete(seq);
    },
    async rooms(names) {
      const value = <T>(key: string) => memory.values.get(key) as T | undefined; // the value that set has stored
      return new Map(names.map((room) => recordedOf(room, roomOf(room).get(newest(roomOf(room))), value)));
    },
    async histories() {
      return [...memory.rooms].flatMap(([room, kept]) => {
        const last = kept.get(newest(kept));
        return last === undefined ? [] : [{ room, at: last.stored_at }];
      });
    },
    outbox: async () => [...memory.outbox.values()],
    async put(outgoing) {
      memory.outbox.set(outgoing.id, outgoing);
    },
    async remove(id) {
      memory.outbox.delete(id);
    },
    async erase() {
      memory.values.clear();
      memory.rooms.clear();
      memory.outbox.clear();
    },
    close() {},
  };
}

function newest(kept: ReadonlyMap<number, Message>): number {
  let last = 0;
  for (const seq of kept.keys()) last = Math.max(last, seq);
  return last;
}
