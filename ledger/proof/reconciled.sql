-- name: runs
-- By the events themselves: the index by tag is looked at elsewhere, and may be what was changed.
SELECT event.position, event.data ->> 'run_id' AS run_id, event.data ->> 'lines' AS lines, event.data ->> 'result_sha256' AS sha256
FROM ledger.event
WHERE event.type = 'ReconciliationCompleted'
ORDER BY event.position;
