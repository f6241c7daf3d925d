-- oldest: 1
-- The rooms' logs.

-- One row per room: its counter, which is also the lock under which its messages are numbered. The counter is kept apart
-- from the messages so that it survives their removal. Half of each page is left free, so that a counter moves within its
-- page and its index is not touched.
CREATE TABLE restante.rooms (
    name           text COLLATE "C" PRIMARY KEY,
    last_seq       bigint      NOT NULL,
    last_stored_at timestamptz NOT NULL
) WITH (fillfactor = 50);

-- The primary key is the log in reading order. stored_at needs no index: it rises with seq within a room. There is no
-- foreign key to rooms: the check of each row would cost as much as its insertion, and only append and Restore insert.
CREATE TABLE restante.messages (
    room      text COLLATE "C" NOT NULL,
    seq       bigint      NOT NULL,
    id        uuid        NOT NULL,
    client_id text        NOT NULL,
    msg       bytea       NOT NULL, -- UTF-8; text could not hold a NUL
    sent_at   timestamptz NOT NULL,
    stored_at timestamptz NOT NULL,
    PRIMARY KEY (room, seq),
    UNIQUE (id, room) -- the idempotency key; in this order ids made one after another share pages, whatever their rooms
);

-- One row that readiness checks rewrite, to learn whether the database takes writes.
CREATE TABLE restante.probe (
    id integer PRIMARY KEY CHECK (id = 1),
    at timestamptz NOT NULL
) WITH (fillfactor = 50);

INSERT INTO restante.probe (id, at) VALUES (1, now());

-- append stores messages, of which no two have the same room and id, and returns the numbers and times of those that were
-- not stored yet, with their index in the arrays. It is one function so that a batch is one statement: all of it has
-- arrived before the first room is locked, and no session waits for a client while it holds a lock.
--
-- In a READ COMMITTED transaction, each statement of the body sees what was committed before the statement began. So a
-- message that another session stored while this one waited for the locks counts as a repeat.
CREATE FUNCTION restante.append(
    now timestamptz, rooms text[], ids uuid[], client_ids text[], msgs bytea[], sent_ats timestamptz[]
) RETURNS TABLE (ordinal bigint, seq bigint, stored_at timestamptz)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '3s'
-- Look up each id in the index, whatever the statistics say: they may be those of an empty table.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;

    -- In name order, like the locks below, so that no two sessions wait for each other.
    INSERT INTO restante.rooms (name, last_seq, last_stored_at)
        SELECT DISTINCT name COLLATE "C" AS name, 0, '0001-01-01 00:00:00+00'::timestamptz FROM unnest(rooms) AS name ORDER BY name
        ON CONFLICT DO NOTHING;
    PERFORM FROM restante.rooms r WHERE r.name = ANY (rooms) ORDER BY r.name FOR NO KEY UPDATE;

    RETURN QUERY
    WITH fresh AS MATERIALIZED (
        SELECT b.*,
            r.last_seq + row_number() OVER in_room AS seq,
            greatest(now, r.last_stored_at + interval '1 microsecond')
                + (row_number() OVER in_room - 1) * interval '1 microsecond' AS stored_at
        FROM unnest(rooms, ids, client_ids, msgs, sent_ats) WITH ORDINALITY AS b (room, id, client_id, msg, sent_at, ordinal)
        JOIN restante.rooms r ON r.name = b.room
        WHERE NOT EXISTS (SELECT FROM restante.messages m WHERE m.id = b.id AND m.room = b.room)
        WINDOW in_room AS (PARTITION BY b.room ORDER BY b.ordinal)
    ), inserted AS (
        INSERT INTO restante.messages (room, seq, id, client_id, msg, sent_at, stored_at)
            SELECT room, seq, id, client_id, msg, sent_at, stored_at FROM fresh
    ), moved AS (
        UPDATE restante.rooms r SET last_seq = f.seq, last_stored_at = f.stored_at
            FROM (SELECT room, max(seq) AS seq, max(stored_at) AS stored_at FROM fresh GROUP BY room) f
            WHERE r.name = f.room
    )
    SELECT ordinal, seq, stored_at FROM fresh;
END
$$;
