-- The newest event.
SELECT
    event.position, event.type, event.data::text, event.tags, event.event_id, event.schema_version,
    event.occurred_at, event.recorded_at, event.actor, event.causation_id, event.correlation_id
FROM ledger.event
ORDER BY event.position DESC
LIMIT 1
