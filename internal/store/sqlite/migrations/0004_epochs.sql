-- oldest: 4
-- Which store this is and what has happened to it. Versions before this one do not keep the mark, so they must not write any more.

-- One row. The mark is random and also stands in the file PATH.mark, so that a database file without its -wal, or in the place of
-- another one, is noticed. closed is 1 if everything is in the database file itself, nothing in the -wal. Each -wal that begins anew
-- gets this row, with turns changed: so a -wal of another database file is noticed, too.
CREATE TABLE store (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    id     TEXT    NOT NULL, -- a UUID
    mark   TEXT    NOT NULL,
    closed INTEGER NOT NULL,
    turns  INTEGER NOT NULL
) STRICT;

-- In order; the last one is the present epoch.
CREATE TABLE epochs (
    number INTEGER PRIMARY KEY,
    id     TEXT    NOT NULL UNIQUE, -- 16 random hexadecimal digits
    at     INTEGER NOT NULL,        -- microseconds since 1970-01-01 UTC
    reason TEXT    NOT NULL         -- why the one before ended
) STRICT;

-- The last number that a room had when an epoch began. A room without a row had none. Rooms stand here by name: a copied store has
-- these rows before it has the rooms.
CREATE TABLE begins (
    room     TEXT    NOT NULL,
    epoch    INTEGER NOT NULL, -- epochs.number
    last_seq INTEGER NOT NULL,
    PRIMARY KEY (room, epoch)
) STRICT, WITHOUT ROWID;
