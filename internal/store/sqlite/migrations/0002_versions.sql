-- oldest: 2
-- What versions of Restante that run side by side, or one after the other, must know of each other.

-- One row per migration. A binary that does not know a migration may work with its result if the binary knows at least
-- oldest migrations. Times are microseconds since 1970-01-01 UTC. What was not recorded is NULL.
CREATE TABLE migrations (
    version    INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL,
    oldest     INTEGER NOT NULL,
    release    TEXT, -- the version of Restante that applied it
    applied_at INTEGER
) STRICT;

INSERT INTO migrations (version, name, oldest) VALUES (1, '0001_log.sql', 1);

-- The features that are in use, which every node has to know. Rows are never changed or removed.
CREATE TABLE switches (
    feature TEXT    PRIMARY KEY,
    release TEXT    NOT NULL, -- the version of Restante that switched it on
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
