-- The next read models are built in a schema beside the live one, with the same tables, and take its place by renaming.

-- name: try_lock
-- Held until the session ends. Advisory locks are of one database, so the name need not be told apart from other ledgers'.
SELECT pg_try_advisory_lock(hashtextextended('ledger.read_model_next', 0)) AS is_ours;

-- name: unlock
-- At once: the server notices the end of a session a little later than whoever ended it.
SELECT pg_advisory_unlock(hashtextextended('ledger.read_model_next', 0));

-- name: drop_next
DROP SCHEMA IF EXISTS read_model_next CASCADE;

-- name: create_next
CREATE SCHEMA read_model_next;

-- name: tables
SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'read_model' ORDER BY tablename;

-- name: key_columns
SELECT attribute.attname
FROM pg_catalog.pg_index AS primary_key
CROSS JOIN LATERAL unnest(primary_key.indkey) WITH ORDINALITY AS keyed (number, place)
JOIN pg_catalog.pg_attribute AS attribute
  ON attribute.attrelid = primary_key.indrelid AND attribute.attnum = keyed.number
WHERE primary_key.indisprimary AND primary_key.indrelid = format('read_model.%%I', %(table)s::text)::regclass
ORDER BY keyed.place;

-- name: grant_next
GRANT USAGE ON SCHEMA read_model_next TO ledger_app, ledger_read;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA read_model_next TO ledger_app;
GRANT SELECT ON ALL TABLES IN SCHEMA read_model_next TO ledger_read;
ALTER DEFAULT PRIVILEGES IN SCHEMA read_model_next GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ledger_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA read_model_next GRANT SELECT ON TABLES TO ledger_read;

-- name: hold_live
-- The projector cannot move the live read models while this transaction holds the checkpoint's row.
SELECT position FROM read_model.program FOR UPDATE;

-- name: swap
-- Every reader reads program first: those under way end on the old tables, those that come wait for the new ones.
LOCK TABLE read_model.program IN ACCESS EXCLUSIVE MODE;
DROP SCHEMA IF EXISTS read_model_previous CASCADE;
ALTER SCHEMA read_model RENAME TO read_model_previous;
ALTER SCHEMA read_model_next RENAME TO read_model;

-- name: swap_back
LOCK TABLE read_model.program IN ACCESS EXCLUSIVE MODE;
ALTER SCHEMA read_model RENAME TO read_model_next;
ALTER SCHEMA read_model_previous RENAME TO read_model;
ALTER SCHEMA read_model_next RENAME TO read_model_previous;

-- name: has_previous
-- Of the same shape: a migration since the swap has changed the live tables only.
SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'read_model_previous') AND NOT EXISTS (
    SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'read_model'
    EXCEPT
    SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'read_model_previous'
);
