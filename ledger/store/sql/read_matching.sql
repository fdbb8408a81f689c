-- One page of the events that match one of the items, and the log's head in the same snapshot: at least one row, with nulls if the
-- page is empty. items: [{types, tags, newest}, ...], none of them without both types and tags.
--
-- Each item walks one index from %(after)s on and stops when it has a page: the list of its first tag, where its other tags are
-- probed; without tags, the list of each of its types. Of an item with "newest", which has one tag, the same list is walked backwards,
-- to its first find.
SELECT
    log_head.position AS head,
    page.*
FROM ledger.log_head
LEFT JOIN LATERAL (
    SELECT
        event.position, event.type, event.data::text, event.tags, event.event_id, event.schema_version,
        event.occurred_at, event.recorded_at, event.actor, event.causation_id, event.correlation_id
    FROM (
        SELECT DISTINCT found.position
        FROM jsonb_to_recordset(%(items)s) AS item (types text[], tags text[], newest boolean)
        CROSS JOIN LATERAL (
            (
                SELECT lead.position
                FROM ledger.event_tag AS lead
                WHERE item.newest IS NOT TRUE
                  AND lead.tag = item.tags[1]
                  AND lead.position > %(after)s
                  AND lead.position <= least(log_head.position, %(until)s)
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
                ORDER BY lead.position
                LIMIT %(page_size)s
            )
            UNION ALL
            (
                SELECT newest.position
                FROM ledger.event_tag AS newest
                WHERE item.newest
                  AND newest.tag = item.tags[1]
                  AND newest.position > %(after)s
                  AND newest.position <= least(log_head.position, %(until)s)
                  AND (item.types = '{}' OR newest.type = ANY (item.types))
                ORDER BY newest.position DESC
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
                      AND event.position > %(after)s
                      AND event.position <= least(log_head.position, %(until)s)
                    ORDER BY event.position
                    LIMIT %(page_size)s
                ) AS of_type
                WHERE item.tags = '{}'
            )
        ) AS found
        ORDER BY found.position
        LIMIT %(page_size)s
    ) AS matching
    JOIN ledger.event ON event.position = matching.position
) AS page ON true
ORDER BY page.position
