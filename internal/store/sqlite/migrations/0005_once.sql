-- oldest: 5
-- A message is known by its room, its sender and its id. What was in the old table is carried over in steps, see carry.go.

ALTER TABLE messages RENAME TO messages_before;

-- Who has sent. A sender is a number, so that one person can have several names later without the messages being rewritten.
CREATE TABLE senders (
    id   INTEGER PRIMARY KEY,
    name TEXT    NOT NULL UNIQUE
) STRICT;

-- Texts lie in a table of their own that only grows at its end. Cells of such a table never move to another page, so a text that is
-- erased leaves no copy behind. The number rises with every stored message over all rooms. It is never given twice.
CREATE TABLE texts (
    number INTEGER PRIMARY KEY,
    msg    TEXT    NOT NULL
) STRICT;

-- The primary key is the log in reading order. stored_at needs no index: it rises with seq within a room.
CREATE TABLE messages (
    room      INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    text      INTEGER NOT NULL, -- texts.number
    id        BLOB    NOT NULL, -- the 16 bytes of a UUID
    sender    INTEGER NOT NULL, -- senders.id
    sent_at   INTEGER NOT NULL,
    stored_at INTEGER NOT NULL,
    PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;

-- The idempotency key. text >> 17 is the segment: the ids that are stored in one period share a small part of the index,
-- whatever their form. A filter for each segment says where an id may stand.
CREATE UNIQUE INDEX messages_once ON messages (text >> 17, id, room, sender);

-- The filters of the segments before the present one. A filter that is missing or damaged is built anew from the index.
CREATE TABLE filters (
    segment INTEGER PRIMARY KEY,
    bits    BLOB    NOT NULL
) STRICT;

-- The greatest number of a text that was removed: the next number is beyond it, too.
ALTER TABLE store ADD COLUMN removed_text INTEGER NOT NULL DEFAULT 0;

-- A message that is removed takes its text along.
CREATE TRIGGER messages_removed AFTER DELETE ON messages BEGIN
    DELETE FROM texts WHERE number = OLD.text;
END;

CREATE TRIGGER texts_removed AFTER DELETE ON texts WHEN OLD.number > (SELECT removed_text FROM store) BEGIN
    UPDATE store SET removed_text = OLD.number;
END;

-- One row until all messages have been carried over: how many were, and how many there are in all.
CREATE TABLE carrying (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    done  INTEGER NOT NULL,
    total INTEGER NOT NULL
) STRICT;

INSERT INTO carrying (one, done, total) SELECT 1, 0, count(*) FROM messages_before;
