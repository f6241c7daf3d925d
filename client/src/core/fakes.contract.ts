import assert from "node:assert/strict";

import {
  benchOf,
  connected,
  failure,
  isProblem,
  isTime,
  messagesOf,
  namesOf,
  seqs,
  until,
  type Bench,
  type Subject,
} from "./fakes.bench";
import { isRecord } from "./message";

// The contract between the app and the server: every answer that the app relies on. It runs against the fake server of the tests and,
// as the scenario client/test/core/contract.ts, against the real one. So the fake answers as the real one does.

const longest = "ü".repeat(16 * 1024);

type Case = (bench: Bench) => Promise<void>;

const sending: Readonly<Record<string, Case>> = {
  "a message is accepted, and stored with all its fields": async (b) => {
    const id = crypto.randomUUID();
    const { status, body } = await b.post("sent", { id, msg: "hello <b> \u{1f44b}", client_id: "ann" });
    assert.equal(status, 202);
    assert.deepEqual([body.id, body.room, body.client_id], [id, "sent", "ann"]);
    assert(isTime(body.sent_at));
    await until(async () => seqs(await b.ask("/rooms/sent/messages")).length === 1);
    const [stored] = messagesOf(await b.ask("/rooms/sent/messages"));
    assert.deepEqual(Object.keys(stored ?? {}).sort(), [
      "client_id",
      "id",
      "msg",
      "room",
      "sent_at",
      "seq",
      "stored_at",
    ]);
    assert.deepEqual(
      [stored?.id, stored?.room, stored?.seq, stored?.client_id, stored?.msg],
      [id, "sent", 1, "ann", "hello <b> \u{1f44b}"],
    );
    assert(isTime(stored?.stored_at) && isTime(stored?.sent_at));
  },
  "a repeat adds nothing, and another text under the id is a conflict": async (b) => {
    const id = crypto.randomUUID();
    const bob = await b.subject.token({ sub: "bob", rooms: ["*"] });
    assert.equal((await b.post("once", { id, msg: "one" })).status, 202);
    await until(async () => seqs(await b.ask("/rooms/once/messages")).length === 1);
    assert.equal((await b.post("once", { id, msg: "one" })).status, 202);
    isProblem(await b.post("once", { id, msg: "two" }), 409, "conflict");
    assert.equal((await b.post("once", { id, msg: "two" }, bob)).status, 202);
    assert.equal((await b.post("twice", { id, msg: "two" })).status, 202);
    await b.fill("once", ["three"]);
    const stored = messagesOf(await b.ask("/rooms/once/messages"));
    assert.deepEqual(
      stored.map((m) => [m.seq, m.client_id, m.msg]),
      [
        [1, "ann", "one"],
        [2, "bob", "two"],
        [3, "ann", "three"],
      ],
    );
  },
  "a message without an id or a client gets them": async (b) => {
    const { status, body } = await b.post("sent", { msg: "x" });
    assert.equal(status, 202);
    assert.match(String(body.id), /^[0-9a-f]{8}-[0-9a-f-]{27}$/);
    assert.equal(body.client_id, "ann");
    assert.equal((await b.post("sent", { msg: "x", id: "", client_id: " ann\u200b" })).body.client_id, "ann");
  },
  "what cannot be stored is refused, with the fields at fault": async (b) => {
    const id = crypto.randomUUID();
    isProblem(await b.post("sent", { id, msg: "" }), 422, "invalid", ["msg"]);
    isProblem(await b.post("sent", { id }), 422, "invalid", ["msg"]);
    isProblem(await b.post("sent", { id, msg: `${longest}x` }), 422, "invalid", ["msg"]);
    isProblem(await b.post("sent", { id: "7", msg: "x" }), 422, "invalid", ["id"]);
    isProblem(await b.post("sent", { id: "7", msg: "" }), 422, "invalid", ["msg", "id"]);
    for (const room of ["UPPER", "a%20b", "-a", "a".repeat(65)])
      isProblem(await b.post(room, { id, msg: "x" }), 422, "invalid", ["room"]);
    isProblem(await b.post("sent", { id, msg: "x", romm: "a" }), 422, "invalid", ["romm"]);
    isProblem(await b.post("sent", "{"), 400, "malformed", ["body"]);
    isProblem(await b.post("sent", { id, msg: "x".repeat(256 * 1024) }), 413, "too_large", ["body"]);
    assert.equal((await b.post("sent", { id, msg: longest })).status, 202);
  },
};

const reading: Readonly<Record<string, Case>> = {
  "a room that nobody has written to is an empty page": async (b) => {
    const { status, body } = await b.ask("/rooms/empty/messages");
    assert.equal(status, 200);
    const { epoch, ...rest } = body;
    assert.deepEqual(rest, { messages: [], last_seq: 0, oldest_seq: 0 });
    assert(typeof epoch === "string" && epoch !== "");
  },
  "pages are ascending, and tell the numbers of the room": async (b) => {
    await b.fill("pages", ["1", "2", "3", "4", "5"]);
    for (const [query, want, next] of [
      ["", [1, 2, 3, 4, 5], false],
      ["?limit=2", [4, 5], true],
      ["?limit=2&before=4", [2, 3], true],
      ["?limit=2&before=3", [1, 2], false],
      ["?before=1", [], false],
      ["?before=99&limit=1", [5], true],
      ["?after=0&limit=2", [1, 2], true],
      ["?after=3&limit=2", [4, 5], false],
      ["?after=5", [], false],
    ] as const) {
      const page = await b.ask(`/rooms/pages/messages${query}`);
      assert.deepEqual(seqs(page), want, query);
      assert.deepEqual([page.body.last_seq, page.body.oldest_seq, page.body.next !== undefined], [5, 1, next], query);
      assert.equal(page.body.reset, undefined);
    }
  },
  "a page of long messages ends with 1 MiB of text": async (b) => {
    await b.fill("long", Array<string>(40).fill(longest));
    assert.deepEqual(
      seqs(await b.ask("/rooms/long/messages?limit=100")),
      Array.from({ length: 32 }, (_, i) => i + 9),
    );
    assert.deepEqual(
      seqs(await b.ask("/rooms/long/messages?after=2&limit=100")),
      Array.from({ length: 32 }, (_, i) => i + 3),
    );
  },
  "a number of another epoch is told": async (b) => {
    await b.fill("epochs", ["1", "2", "3"]);
    const { body } = await b.ask("/rooms/epochs/messages");
    const same = await b.ask(`/rooms/epochs/messages?after=2&epoch=${String(body.epoch)}`);
    assert.deepEqual([seqs(same), same.body.reset], [[3], undefined]);
    const other = await b.ask("/rooms/epochs/messages?after=2&epoch=none");
    assert(isRecord(other.body.reset));
    assert.deepEqual([other.body.reset.room, other.body.reset.reason, other.body.reset.after], ["epochs", "epoch", 0]);
    assert.deepEqual([seqs(other), other.body.epoch], [[1, 2, 3], body.epoch]);
  },
  "a page that cannot be is refused, with the fields at fault": async (b) => {
    for (const [query, field] of [
      ["limit=0", "limit"],
      ["limit=501", "limit"],
      ["limit=x", "limit"],
      ["limit=", "limit"],
      ["before=-1", "before"],
      ["before=", "before"],
      ["after=x", "after"],
      ["after=9", "after"],
      ["after=1&before=3", "before"],
      ["limit=1&limit=2", "limit"],
      ["epoch=a", "epoch"],
    ] as const)
      isProblem(await b.ask(`/rooms/empty/messages?${query}`), 422, "invalid", [field]);
    isProblem(await b.ask("/rooms/UPPER/messages"), 422, "invalid", ["room"]);
  },
  "the server names its version": async (b) => {
    const { status, body } = await b.ask("/version");
    assert.deepEqual([status, typeof body.version], [200, "string"]);
  },
  "there is nothing else": async (b) => {
    isProblem(await b.ask("/rooms/a/nothing"), 404, "not_found");
    isProblem(await b.ask("/nothing"), 404, "not_found");
    isProblem(await b.ask("/rooms", b.ann, { method: "DELETE" }), 405, "method_not_allowed");
  },
};

const finding: Readonly<Record<string, Case>> = {
  "rooms are sorted, in pages, with their newest message": async (b) => {
    const fold = ["fold-b", "fold-a", "fold.c", "fold_d", "folds", "fold"];
    for (const room of fold) await b.fill(room, ["x"]);
    const all = await b.ask("/rooms?prefix=fold");
    assert.deepEqual(
      [namesOf(all), all.body.next],
      [["fold", "fold-a", "fold-b", "fold.c", "fold_d", "folds"], undefined],
    );
    const [entry] = all.body.rooms as Record<string, unknown>[];
    assert.deepEqual([entry?.last_seq, entry?.oldest_seq, isTime(entry?.last_stored_at)], [1, 1, true]);
    assert(typeof all.body.epoch === "string");
    for (const [prefix, names] of [
      ["fold-", ["fold-a", "fold-b"]],
      ["fold_", ["fold_d"]],
      ["fold.", ["fold.c"]],
      ["foldx", []],
    ] as const)
      assert.deepEqual(namesOf(await b.ask(`/rooms?prefix=${prefix}`)), names);
    const first = await b.ask("/rooms?prefix=fold-&limit=1");
    assert.deepEqual(namesOf(first), ["fold-a"]);
    const second = await b.ask(String(first.body.next));
    assert.deepEqual([namesOf(second), second.body.next], [["fold-b"], undefined]);
    assert.deepEqual(namesOf(await b.ask("/rooms?prefix=&after=fold_d&limit=1")), ["folds"]);
    const page = await b.ask("/rooms?limit=2");
    assert.deepEqual([namesOf(page).length, typeof page.body.next], [2, "string"]);
  },
  "rooms are found by their names": async (b) => {
    await b.fill("named-1", ["x", "y"]);
    await b.fill("named-2", ["x"]);
    const found = await b.ask("/rooms?name=named-2&name=absent&name=named-1&name=named-2");
    assert.deepEqual([namesOf(found), found.body.next], [["named-1", "named-2"], undefined]);
    assert.equal((found.body.rooms as Record<string, unknown>[])[0]?.last_seq, 2);
    assert.deepEqual(namesOf(await b.ask("/rooms?name=absent")), []);
    const many = Array.from({ length: 200 }, (_, i) => `name=${String(i).padStart(64, "n")}`).join("&");
    assert.deepEqual(namesOf(await b.ask(`/rooms?${many}`)), []);
    isProblem(await b.ask(`/rooms?${many}&name=a`), 422, "invalid", ["name"]);
  },
  "a search that cannot be is refused, with the fields at fault": async (b) => {
    for (const [query, field] of [
      ["limit=0", "limit"],
      ["limit=501", "limit"],
      ["prefix=Team", "prefix"],
      ["prefix=a%20b", "prefix"],
      ["prefix=_a", "prefix"],
      [`prefix=${"a".repeat(65)}`, "prefix"],
      ["prefix=a&prefix=b", "prefix"],
      ["name=A", "name"],
      ["name=a&name=b%3Bc", "name"],
      ["name=a,b", "name"],
      ["name=", "name"],
      ["name=a&prefix=b", "prefix"],
      ["name=a&after=b", "after"],
      ["name=a&limit=1", "limit"],
    ] as const)
      isProblem(await b.ask(`/rooms?${query}`), 422, "invalid", [field]);
  },
};

const rights: Readonly<Record<string, Case>> = {
  "without a valid token nothing is answered": async (b) => {
    for (const token of [null, "x", "e30.e30.x"]) {
      isProblem(await b.ask("/rooms", token), 401, "unauthenticated");
      isProblem(await b.ask("/rooms/a/messages", token), 401, "unauthenticated");
      isProblem(await b.post("a", { msg: "x" }, token), 401, "unauthenticated");
      await assert.rejects(b.subject.dial("ann", token ?? undefined, () => {}));
    }
  },
  "a token is for its rooms, its client, and reading or writing": async (b) => {
    await b.fill("team-a", ["x"]);
    await b.fill("vault", ["x"]);
    const bob = await b.subject.token({ sub: "bob", rooms: ["team-*"] });
    const reader = await b.subject.token({ sub: "reader", rooms: ["*"], publish: false });
    for (const room of ["vault", "absent"]) {
      isProblem(await b.ask(`/rooms/${room}/messages`, bob), 403, "forbidden");
      isProblem(await b.post(room, { msg: "x" }, bob), 403, "forbidden");
    }
    assert.deepEqual(namesOf(await b.ask("/rooms", bob)), ["team-a"]);
    assert.deepEqual(namesOf(await b.ask("/rooms?prefix=v", bob)), []);
    assert.deepEqual(namesOf(await b.ask("/rooms?name=vault&name=team-a&name=absent", bob)), ["team-a"]);
    isProblem(await b.post("team-a", { msg: "x", client_id: "ann" }, bob), 403, "forbidden");
    isProblem(await b.post("team-a", { msg: "x" }, reader), 403, "forbidden");
    assert.deepEqual(seqs(await b.ask("/rooms/vault/messages", reader)), [1]);
    await assert.rejects(connected(b, "ann", bob));
    const { hub } = await connected(b, "bob", bob);
    assert.equal(await failure(hub.join("vault")), "rejected forbidden");
    assert.equal((await hub.join("team-a")).last_seq, 1);
    await hub.stop();
  },
};

const live: Readonly<Record<string, Case>> = {
  "a join answers with the numbers, and what comes arrives once, in order": async (b) => {
    await b.fill("live", ["1", "2"]);
    const { hub, received } = await connected(b);
    const { epoch, ...numbers } = await hub.join("live");
    assert.deepEqual(numbers, { last_seq: 2, oldest_seq: 1 });
    assert.equal(epoch, (await b.ask("/rooms/live/messages")).body.epoch);
    await b.fill("live", ["3", "4"]);
    await until(() => received.length === 2);
    assert.deepEqual(
      received.map(({ kind, room, seq, client_id, msg }) => [kind, room, seq, client_id, msg]),
      [
        ["message", "live", 3, "ann", "3"],
        ["message", "live", 4, "ann", "4"],
      ],
    );
    assert(received.every((m) => isTime(m.sent_at) && isTime(m.stored_at) && m.id !== ""));
    assert.deepEqual(await hub.join("nobody", 0), { last_seq: 0, oldest_seq: 0, epoch });
    await hub.ping();
    await hub.stop();
    await hub.closed;
  },
  "a join goes on after its cursor, and moves it": async (b) => {
    await b.fill("cursor", ["1", "2", "3"]);
    const { hub, seqs: got } = await connected(b);
    const { epoch = "" } = await hub.join("cursor", 1);
    await until(() => got().length === 2);
    await hub.join("cursor", { after: 0, epoch });
    await until(() => got().length === 5);
    assert.deepEqual(got(), [2, 3, 1, 2, 3]);
    assert.deepEqual((await hub.join("cursor", { after: 2, epoch: "none" })).reset, {
      room: "cursor",
      reason: "epoch",
      after: 0,
    });
    await until(() => got().length === 8);
    assert.deepEqual(got().slice(5), [1, 2, 3]);
    await hub.stop();
  },
  "nothing of a room arrives after it was left": async (b) => {
    await b.fill("left", ["1"]);
    const { hub, received } = await connected(b);
    await hub.join("left");
    await hub.join("kept");
    await hub.leave("left");
    await hub.leave("never-joined");
    await b.fill("left", ["2"]);
    await b.fill("kept", ["1"]);
    await until(() => received.length > 0);
    assert.deepEqual(
      received.map((m) => m.room),
      ["kept"],
    );
    await hub.stop();
  },
  "a join that cannot be fails with the code": async (b) => {
    await b.fill("short", ["1"]);
    const { hub } = await connected(b);
    const { epoch = "" } = await hub.join("short", 1);
    assert.equal(await failure(hub.join("short", 2)), "rejected invalid");
    assert.equal(await failure(hub.join("short", { after: 2, epoch })), "rejected invalid");
    assert.equal(await failure(hub.join("UPPER")), "rejected invalid");
    await hub.join("b");
    await hub.join("c");
    assert.equal(await failure(hub.join("d")), "rejected too_many");
    await hub.join("short", 0);
    await hub.leave("b");
    await hub.join("d");
    await hub.stop();
  },
};

/** The cases, by what holds. */
export const contract: Readonly<Record<string, (subject: Subject) => Promise<void>>> = Object.fromEntries(
  Object.entries({ ...sending, ...reading, ...finding, ...rights, ...live }).map(([name, run]) => [
    name,
    async (subject: Subject) => run(await benchOf(subject)),
  ]),
);
