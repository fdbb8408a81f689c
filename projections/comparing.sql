-- name: key_columns
-- Every table of the live read models, with the columns of its primary key.
SELECT live.relname::text AS table, array_agg(attribute.attname::text ORDER BY keyed.place) AS key
FROM pg_catalog.pg_class AS live
JOIN pg_catalog.pg_index AS primary_key ON primary_key.indrelid = live.oid AND primary_key.indisprimary
CROSS JOIN LATERAL unnest(primary_key.indkey) WITH ORDINALITY AS keyed (number, place)
JOIN pg_catalog.pg_attribute AS attribute ON attribute.attrelid = live.oid AND attribute.attnum = keyed.number
WHERE live.relnamespace = 'read_model'::regnamespace
GROUP BY live.relname
ORDER BY live.relname;

-- name: hold_live
-- The projector cannot move the live read models while this transaction holds the checkpoint's row.
SELECT position FROM read_model.program FOR UPDATE;

-- name: take_snapshot
-- The first statement of its transaction: the tables are seen as they are now, whatever happens to them meanwhile.
SELECT pg_current_snapshot();
