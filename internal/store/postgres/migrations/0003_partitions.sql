-- oldest: 2
-- Which queue of the broker messages came from, and whether appending works.

-- One row per partition of the broker whose queue was deleted and made again: the latest generation that was appended. All
-- other partitions are in generation 1.
CREATE TABLE restante.partitions (
    partition  integer PRIMARY KEY,
    generation bigint NOT NULL
);

-- append with the origin of the messages. It does what append without one does, which stays for nodes of older versions. It
-- stores no fresh message of a generation once it has seen a later one of the partition, and raises RE001 instead, whose
-- DETAIL is that generation. A batch of repeats stores nothing, so it is never refused.
--
-- It reads the partition after the rooms are locked. The statement then sees what was committed while this session waited. So
-- of two consumers of one partition that append to the same room, the one with the earlier generation either stores its
-- messages before the other, or not at all. The order of different rooms does not matter.
CREATE FUNCTION restante.append(
    now timestamptz, rooms text[], ids uuid[], client_ids text[], msgs bytea[], sent_ats timestamptz[],
    of_partition integer, of_generation bigint -- 0: of a broker without partitions
) RETURNS TABLE (ordinal bigint, seq bigint, stored_at timestamptz)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '3s'
-- Look up each id in the index, whatever the statistics say: they may be those of an empty table.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    seen bigint;
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;

    -- In name order, like the locks below, so that no two sessions wait for each other.
    INSERT INTO restante.rooms (name, last_seq, last_stored_at)
        SELECT DISTINCT name COLLATE "C" AS name, 0, '0001-01-01 00:00:00+00'::timestamptz FROM unnest(rooms) AS name ORDER BY name
        ON CONFLICT DO NOTHING;
    PERFORM FROM restante.rooms r WHERE r.name = ANY (rooms) ORDER BY r.name FOR NO KEY UPDATE;

    IF of_generation > 0 THEN
        seen := coalesce((SELECT p.generation FROM restante.partitions p WHERE p.partition = of_partition), 1);
        IF seen < of_generation THEN
            INSERT INTO restante.partitions AS p (partition, generation) VALUES (of_partition, of_generation)
                ON CONFLICT (partition) DO UPDATE SET generation = excluded.generation WHERE p.generation < excluded.generation;
        ELSIF seen > of_generation AND EXISTS (
            SELECT FROM unnest(rooms, ids) AS b (room, id)
            WHERE NOT EXISTS (SELECT FROM restante.messages m WHERE m.id = b.id AND m.room = b.room)
        ) THEN
            RAISE EXCEPTION 'generation % of partition % was destroyed', of_generation, of_partition USING ERRCODE = 'RE001', DETAIL = seen;
        END IF;
    END IF;

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

-- probe_append finds out whether append works, by calling it: with the rights of the caller, for a room that no other session
-- uses and a partition that the broker does not have. It rolls that back, and writes one row.
CREATE FUNCTION restante.probe_append(room text, id uuid, msg bytea, of_partition integer) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '1s' -- a readiness check must answer within two
AS $$
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;

    -- append itself waits longer for a table that another session has locked. These insert nothing.
    INSERT INTO restante.rooms SELECT * FROM restante.rooms WHERE false;
    INSERT INTO restante.messages SELECT * FROM restante.messages WHERE false;
    INSERT INTO restante.partitions SELECT * FROM restante.partitions WHERE false;

    BEGIN
        PERFORM FROM restante.append(now(), ARRAY[room], ARRAY[id], ARRAY['probe'], ARRAY[msg], ARRAY[now()], of_partition, 2);
        RAISE EXCEPTION USING ERRCODE = 'RE002';
    EXCEPTION WHEN SQLSTATE 'RE002' THEN -- it is rolled back to the inner BEGIN
    END;
    UPDATE restante.probe SET at = now();
END
$$;
