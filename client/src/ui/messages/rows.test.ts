import type { Message, Outgoing } from "../../core/message";
import { inZone } from "../zone.fakes";
import { rowsOf, type Row } from "./rows";

let seq = 0;
beforeEach(() => (seq = 0));

function message(client_id: string, sent_at: string): Message {
  seq++;
  return { kind: "message", id: `id-${seq}`, room: "lobby", seq, client_id, msg: "", sent_at, stored_at: sent_at };
}

function outgoing(id: string, written_at: string): Outgoing {
  return { kind: "outgoing", id, room: "lobby", msg: "", written_at, order: 1, state: "waiting", reason: null };
}

const at = (time: string) => new Date(`2026-03-0${time}`).toISOString();

/** A short form of a row: its kind, `[` at the start of a group, `]` at its end, `*` for own messages. */
function short(row: Row): string {
  if (row.is === "day" || row.is === "unread" || row.is === "removed") return row.is;
  return `${row.first ? "[" : ""}${row.message.id}${row.mine ? "*" : ""}${row.last ? "]" : ""}`;
}

const rows = (
  messages: readonly Message[],
  own: readonly Outgoing[] = [],
  mark: number | null = null,
  older: "none" | "some" = "some",
  zone = "",
) => rowsOf({ messages, outgoing: own, mark, older }, "me", zone);

test("Messages are grouped by sender, time and day", () => {
  const list = [
    message("ann", at("1T10:00")),
    message("ann", at("1T10:04")),
    message("ann", at("1T10:10")),
    message("bob", at("1T10:11")),
    message("me", at("1T23:59")),
    message("me", at("2T00:01")),
  ];
  expect(rows(list).map(short)).toEqual(["day", "[id-1", "id-2]", "[id-3]", "[id-4]", "[id-5*]", "day", "[id-6*]"]);
});

test("Waiting messages come last, and continue the client's own group", () => {
  const list = [message("ann", at("1T10:00")), message("me", at("1T10:01"))];
  expect(rows(list, [outgoing("x", at("1T10:02")), outgoing("y", at("1T10:03"))]).map(short)).toEqual([
    "day",
    "[id-1]",
    "[id-2*",
    "x*",
    "y*]",
  ]);
  expect(rows([], [outgoing("x", at("1T10:02"))]).map(short)).toEqual(["day", "[x*]"]);
  expect(rows([])).toEqual([]);
});

test("The unread messages start with a line, and with a new group", () => {
  const list = [message("ann", at("1T10:00")), message("ann", at("1T10:01")), message("ann", at("1T10:02"))];
  expect(rows(list, [], 1).map(short)).toEqual(["day", "[id-1]", "unread", "[id-2", "id-3]"]);
  expect(rows(list, [], 0).map(short)).toEqual(["day", "unread", "[id-1", "id-2", "id-3]"]);
  expect(rows(list, [], 3).map(short)).toEqual(["day", "[id-1", "id-2", "id-3]"]);
});

test("The line is not shown until older messages are loaded, unless none exist", () => {
  for (let i = 0; i < 5; i++) message("ann", at("1T09:00"));
  const list = [message("ann", at("1T10:00")), message("ann", at("1T10:01"))];
  expect(rows(list, [], 3).map(short)).toEqual(["day", "[id-6", "id-7]"]);
  expect(rows(list, [], 3, "none").map(short)).toEqual(["removed", "day", "unread", "[id-6", "id-7]"]);
  expect(rows(list, [], 5).map(short)).toEqual(["day", "unread", "[id-6", "id-7]"]);
});

test("A line is shown above the oldest message if the server has removed those before it", () => {
  const list = [message("ann", at("1T10:00")), message("ann", at("1T10:01"))];
  expect(rows(list, [], null, "none").map(short)).toEqual(["day", "[id-1", "id-2]"]);
  expect(rows(list.slice(1), [], null, "some").map(short)).toEqual(["day", "[id-2]"]);
  expect(rows(list.slice(1), [], null, "none").map(short)).toEqual(["removed", "day", "[id-2]"]);
  expect(rows([], [outgoing("x", at("1T10:02"))], null, "none").map(short)).toEqual(["day", "[x*]"]);
});

test("A message with an earlier day starts no new day", () => {
  const list = [
    message("ann", at("1T23:59")),
    message("bob", at("2T00:00")),
    message("ann", at("1T23:59")),
    message("bob", at("2T00:01")),
  ];
  expect(rows(list, [outgoing("x", at("1T12:00"))]).map(short)).toEqual([
    "day",
    "[id-1]",
    "day",
    "[id-2]",
    "[id-3]",
    "[id-4]",
    "[x*]",
  ]);
  const keys = rows(list).map((row) => row.key);
  expect(new Set(keys).size).toBe(keys.length);
});

test("A message that comes back keeps its key, and unchanged rows stay the same objects", () => {
  const list = [message("ann", at("1T10:00")), message("ann", at("1T10:01"))];
  const before = rows(list, [outgoing("id-3", at("1T10:02"))]);
  const after = rows([...list, message("me", at("1T10:02"))]);
  expect(after.map(short)).toEqual(before.map(short));
  expect(after.map((row) => row.key)).toEqual(before.map((row) => row.key));
  expect(after[1]).toBe(before[1]);
  expect(rows(list)[2]).toBe(before[2]);
});

test("The days are those of the time zone", () => {
  const list = [message("ann", "2026-03-01T20:00:00Z"), message("ann", "2026-03-01T23:30:00Z")];
  const days = (zone: string) =>
    inZone(zone, () => rows(list, [], null, "some", zone).filter((row) => row.is === "day").length);
  expect([days("Europe/London"), days("Europe/Berlin"), days("Europe/London")]).toEqual([1, 2, 1]);
});

test("Messages of several clients with one id have keys of their own", () => {
  const list = ["ann", "bob", "me", "eve"].map((name, i) => ({ ...message(name, at(`${i + 1}T10:00`)), id: "x" }));
  const keys = rows(list).map((row) => row.key);
  expect([keys.length, new Set(keys).size]).toEqual([8, 8]);
  expect(rows([], [outgoing("x", at("1T10:00"))]).at(-1)?.key).toBe(rows(list)[5]?.key);
});

test("One more message among very many changes no other row", () => {
  const list = Array.from({ length: 10_000 }, (_, i) =>
    message(`client ${i % 7}`, new Date(1.7e12 + i * 50_000).toISOString()),
  );
  const before = rows(list);
  const after = rows([...list, message("ann", at("1T10:00"))]);
  const same = before.filter((row, i) => row.is === "day" || row === after[i]).length;
  expect(before.length - same).toBe(0);
});
