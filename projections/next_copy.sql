-- The next read models while they are being built: tables like the live ones in `read_model_next`, without the indexes that filling does
-- not need; and beside them, for each share of the log, a schema with those tables that add up over all of them.

-- name: drop_next
DROP SCHEMA IF EXISTS read_model_next CASCADE;

-- name: share_schemas
SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname ~ '^read_model_next_[0-9]+$';

-- name: create_next
-- `rebuild` says by which code and in how many shares it is filled: only that code may go on with it.
CREATE SCHEMA read_model_next;
CREATE TABLE read_model_next.rebuild (code text NOT NULL, shares integer NOT NULL, is_finished boolean NOT NULL);

-- name: note_begun
INSERT INTO read_model_next.rebuild (code, shares, is_finished) VALUES (%(code)s, %(shares)s, false);

-- name: note_finished
UPDATE read_model_next.rebuild SET is_finished = true;

-- name: is_begun
-- Of the live ones' shape: no migration came between.
SELECT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = 'read_model_next' AND tablename = 'rebuild') AND NOT EXISTS (
    SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'read_model'
    EXCEPT
    SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'read_model_next'
);

-- name: begun
SELECT code, shares, is_finished FROM read_model_next.rebuild;

-- name: has_live_shape
-- Whether a schema's tables have the columns and indexes of the live ones, and no others: a migration changes the live ones only.
SELECT NOT EXISTS (
    SELECT what
    FROM (
        SELECT format('%%s.%%s %%s', table_name, column_name, data_type) AS what
        FROM information_schema.columns
        WHERE table_schema IN ('read_model', %(schema)s) AND table_name <> 'rebuild'
        UNION ALL
        SELECT format('%%s %%s', tablename, indexname)
        FROM pg_catalog.pg_indexes
        WHERE schemaname IN ('read_model', %(schema)s)
    ) AS found
    GROUP BY what
    HAVING count(*) = 1
);

-- name: tables
SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'read_model' ORDER BY tablename;

-- name: filled
-- By all shares: the largest first.
SELECT relname FROM pg_catalog.pg_class
WHERE relnamespace = 'read_model_next'::regnamespace AND relkind = 'r' AND relname <> 'rebuild' AND relname <> ALL (%(added_up)s)
ORDER BY pg_relation_size(oid) DESC, relname;

-- name: columns
SELECT column_name::text FROM information_schema.columns
WHERE table_schema = 'read_model' AND table_name = %(table)s
ORDER BY ordinal_position;

-- name: constraints
-- The keys of these live tables that the next ones do not have yet, under their names.
SELECT format('ALTER TABLE read_model_next.%%I ADD CONSTRAINT %%I %%s', live.relname, key.conname, pg_get_constraintdef(key.oid))
FROM pg_catalog.pg_constraint AS key
JOIN pg_catalog.pg_class AS live ON live.oid = key.conrelid
WHERE key.connamespace = 'read_model'::regnamespace AND key.contype IN ('p', 'u') AND live.relname = ANY (%(tables)s)
  AND NOT EXISTS (
      SELECT
      FROM pg_catalog.pg_constraint AS made
      JOIN pg_catalog.pg_class AS next ON next.oid = made.conrelid
      WHERE made.connamespace = 'read_model_next'::regnamespace AND made.conname = key.conname AND next.relname = live.relname
  )
ORDER BY live.relname, key.contype;

-- name: indexes
-- Those of these live tables that no key has made, and the next ones do not have yet.
SELECT replace(pg_get_indexdef(index.indexrelid), ' ON read_model.', ' ON read_model_next.')
FROM pg_catalog.pg_index AS index
JOIN pg_catalog.pg_class AS named ON named.oid = index.indexrelid
JOIN pg_catalog.pg_class AS live ON live.oid = index.indrelid
WHERE live.relnamespace = 'read_model'::regnamespace AND live.relname = ANY (%(tables)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conindid = index.indexrelid)
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_class AS made
      WHERE made.relnamespace = 'read_model_next'::regnamespace AND made.relname = named.relname
  )
ORDER BY named.relname;

-- name: grant_next
GRANT USAGE ON SCHEMA read_model_next TO ledger_app, ledger_read;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA read_model_next TO ledger_app;
GRANT SELECT ON ALL TABLES IN SCHEMA read_model_next TO ledger_read;
ALTER DEFAULT PRIVILEGES IN SCHEMA read_model_next GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ledger_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA read_model_next GRANT SELECT ON TABLES TO ledger_read;
