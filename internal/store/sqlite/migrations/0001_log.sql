-- oldest: 1
-- The rooms' logs. Times are microseconds since 1970-01-01 UTC, ids the 16 bytes of a UUID.

CREATE TABLE rooms (
    id             INTEGER PRIMARY KEY,
    name           TEXT    NOT NULL UNIQUE,
    last_seq       INTEGER NOT NULL, -- the counter: kept apart from messages so that it survives their removal
    last_stored_at INTEGER NOT NULL
) STRICT;

-- The primary key is the log in reading order. stored_at needs no index: it rises with seq within a room.
CREATE TABLE messages (
    room      INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    id        BLOB    NOT NULL,
    client_id TEXT    NOT NULL,
    msg       TEXT    NOT NULL,
    sent_at   INTEGER NOT NULL,
    stored_at INTEGER NOT NULL,
    PRIMARY KEY (room, seq),
    UNIQUE (id, room) -- the idempotency key; in this order ids made one after another share pages, whatever their rooms
) STRICT, WITHOUT ROWID;

-- One row that readiness checks rewrite, to learn whether the database takes writes.
CREATE TABLE probe (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL
) STRICT;

INSERT INTO probe (id, at) VALUES (1, 0);
