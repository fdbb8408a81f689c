-- The newest event that matches one of the items: [{types, tags}, ...], none of them without both. Each item walks one index
-- backwards and stops at its first find.
SELECT
    event.position, event.type, event.data::text, event.tags, event.event_id, event.schema_version,
    event.occurred_at, event.recorded_at, event.actor, event.causation_id, event.correlation_id
FROM (
    SELECT max(found.position) AS position
    FROM jsonb_to_recordset(%(items)s) AS item (types text[], tags text[])
    CROSS JOIN LATERAL (
        (
            SELECT lead.position
            FROM ledger.event_tag AS lead
            WHERE lead.tag = item.tags[1]
              AND (item.types = '{}' OR lead.type = ANY (item.types))
              AND NOT EXISTS (
                  SELECT
                  FROM unnest(item.tags[2:]) AS other (tag)
                  WHERE NOT EXISTS (
                      SELECT
                      FROM ledger.event_tag AS probed
                      WHERE probed.tag = other.tag AND probed.position = lead.position
                  )
              )
            ORDER BY lead.position DESC
            LIMIT 1
        )
        UNION ALL
        (
            SELECT of_type.position
            FROM unnest(item.types) AS wanted (type)
            CROSS JOIN LATERAL (
                SELECT event.position
                FROM ledger.event
                WHERE event.type = wanted.type
                ORDER BY event.position DESC
                LIMIT 1
            ) AS of_type
            WHERE item.tags = '{}'
        )
    ) AS found
) AS newest
JOIN ledger.event ON event.position = newest.position
