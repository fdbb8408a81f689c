-- What a COPY has to know of its table, which the search_path finds.

-- name: column_types
SELECT attname::text, atttypid::bigint
FROM pg_catalog.pg_attribute
WHERE attrelid = to_regclass(quote_ident(%(table)s)) AND attnum > 0 AND NOT attisdropped;
