-- One page of the log, and the log's head in the same snapshot: at least one row, with nulls if the page is empty. {only}: the
-- condition of a reader that leaves the other events to others (see page_of_all).
SELECT
    log_head.position AS head,
    page.*
FROM ledger.log_head
LEFT JOIN LATERAL (
    SELECT
        event.position, event.type, event.data::text, event.tags, event.event_id, event.schema_version,
        event.occurred_at, event.recorded_at, event.actor, event.causation_id, event.correlation_id
    FROM ledger.event
    WHERE event.position > %(after)s
      AND event.position <= least(log_head.position, %(until)s)
      AND {only}
    ORDER BY event.position
    LIMIT %(page_size)s
) AS page ON true
ORDER BY page.position
