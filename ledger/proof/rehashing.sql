-- name: rows
SELECT
    position, type, data::text, tags, event_id::text, schema_version,
    occurred_at, recorded_at, actor, causation_id, correlation_id
FROM ledger.event
WHERE position > %(after)s AND position <= %(last)s
ORDER BY position

-- name: extent
-- What the log says of its length, and what is there. The head's row may be gone too.
SELECT
    coalesce((SELECT max(log_head.position) FROM ledger.log_head), 0) AS head,
    coalesce((SELECT min(event.position) FROM ledger.event), 1) AS first,
    coalesce((SELECT max(event.position) FROM ledger.event), 0) AS last

-- name: tag_index
-- Every tag of every event against the index by which events are found. A tag given twice counts once.
SELECT position, indexed.is_indexed IS NULL AS is_missing
FROM (
    SELECT event.position, event.type, carried.tag, true AS is_carried
    FROM ledger.event
    CROSS JOIN LATERAL unnest(event.tags) WITH ORDINALITY AS carried (tag, place)
    WHERE carried.place = array_position(event.tags, carried.tag)
) AS carried
FULL JOIN (
    SELECT event_tag.position, event_tag.type, event_tag.tag, true AS is_indexed
    FROM ledger.event_tag
) AS indexed USING (position, type, tag)
WHERE carried.is_carried IS NULL OR indexed.is_indexed IS NULL
GROUP BY 1, 2
ORDER BY 1, 2
LIMIT 1000
