-- A commit with all that it changes, in PostgreSQL: the number it gets.
WITH made AS (
    INSERT INTO "commit" (id, branch, author, message, run, at)
    VALUES (:id, :branch, :author, :message, :run, :at)
    RETURNING seq
), moved AS (
    SELECT made.seq, :branch::text AS branch, each.*
    FROM made, json_to_recordset(:moved::json) AS each (
        key text, namespace text, name text, kind text, location text, sql text, state text, rows bigint, old_seq bigint
    )
), told AS (
    INSERT INTO change (seq, key, branch, namespace, name, kind, location, sql, state, rows, old_seq)
    SELECT seq, key, branch, namespace, name, kind, location, sql, state, rows, old_seq FROM moved
), placed AS (
    INSERT INTO pointer AS there (branch, key, namespace, name, kind, location, sql, state, rows, seq, own)
    SELECT branch, key, namespace, name, kind, location, sql, state, rows, seq, true FROM moved
    -- The basis stays: what the branch changes again still derives from what it published last.
    ON CONFLICT (branch, key) DO UPDATE SET
        namespace = excluded.namespace, name = excluded.name, kind = excluded.kind, location = excluded.location,
        sql = excluded.sql, state = excluded.state, rows = excluded.rows, seq = excluded.seq, own = excluded.own
)
SELECT seq FROM made
