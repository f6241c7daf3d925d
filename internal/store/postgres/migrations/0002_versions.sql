-- oldest: 2
-- What versions of Restante that run side by side, or one after the other, must know of each other.

-- A binary that does not know a migration may work with its result if the binary knows at least oldest migrations. Each
-- further row has to say it: the default is for the first one only. What was not recorded is NULL.
ALTER TABLE restante.migrations
    ADD COLUMN oldest integer NOT NULL DEFAULT 1,
    ADD COLUMN release text; -- the version of Restante that applied it
ALTER TABLE restante.migrations ALTER COLUMN oldest DROP DEFAULT;

-- The features that are in use, which every node has to know. Rows are never changed or removed.
CREATE TABLE restante.switches (
    feature text COLLATE "C" PRIMARY KEY,
    release text        NOT NULL, -- the version of Restante that switched it on
    at      timestamptz NOT NULL
);
