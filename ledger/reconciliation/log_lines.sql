-- name: no_limit_on_time
-- Until the end of the transaction. It is idle while the last rows, sent already, are taken.
SELECT
    set_config('statement_timeout', '0', true),
    set_config('idle_in_transaction_session_timeout', '0', true);

-- name: money_events
-- Everything about money at Stripe, in the order of the log. One column for each field that some of these events have.
SELECT
    event.position,
    event.type,
    event.schema_version,
    event.occurred_at,
    event.data ->> 'payout_id' AS payout_id,
    event.data ->> 'transfer_id' AS transfer_id,
    (event.data ->> 'amount_minor')::bigint AS amount_minor,
    (event.data ->> 'total_reversed_minor')::bigint AS total_reversed_minor,
    event.data ->> 'currency' AS currency,
    event.data ->> 'destination' AS destination,
    event.data ->> 'idempotency_key' AS idempotency_key,
    event.data ->> 'after' AS after
FROM ledger.event
WHERE event.type = ANY (%(types)s)
ORDER BY event.position;
