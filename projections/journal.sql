-- What is asked of the journal. A moment is cut out by both clocks: up to position as_of, and happened up to effective_at.

-- name: day_of
-- The day on which the log stood at this position, as far as the journal can tell.
SELECT (recorded_at AT TIME ZONE 'UTC')::date AS day
FROM journal_line
WHERE position <= %(as_of)s
ORDER BY position DESC
LIMIT 1;

-- name: newest_before
-- The newest position that was recorded before this day.
SELECT coalesce(max(last_position), 0) AS position FROM journal_day WHERE recorded_day < %(day)s;

-- name: balances
-- Whole days by both clocks; what was recorded on the day of as_of; and, of before that, what happened on the day of effective_at.
SELECT account, currency, sum(debit_minor)::bigint AS debit_minor, sum(credit_minor)::bigint AS credit_minor
FROM (
    SELECT account, currency, debit_minor, credit_minor
    FROM journal_day
    WHERE recorded_day < %(recorded_day)s AND effective_day < %(effective_day)s
    UNION ALL
    SELECT account, currency, greatest(amount_minor, 0), greatest(-amount_minor, 0)
    FROM journal_line
    WHERE position > %(whole_days_until)s AND position <= %(as_of)s AND occurred_at <= %(effective_at)s
    UNION ALL
    SELECT account, currency, greatest(amount_minor, 0), greatest(-amount_minor, 0)
    FROM journal_line
    WHERE occurred_at >= %(effective_day)s::timestamp AT TIME ZONE 'UTC' AND occurred_at <= %(effective_at)s
      AND position <= %(whole_days_until)s
) AS posted
WHERE %(account)s::text IS NULL OR account = %(account)s
GROUP BY account, currency;

-- name: nothing_before
-- What happened on this day or later was recorded after this position: where to begin to read.
SELECT coalesce(max(last_position), 0) AS position
FROM journal_day
WHERE recorded_day < (SELECT coalesce(min(recorded_day), 'infinity') FROM journal_day WHERE effective_day >= %(day)s);

-- name: entry_positions
SELECT DISTINCT position
FROM journal_line
WHERE position > %(after)s AND position <= %(as_of)s
  AND (%(account)s::text IS NULL OR account = %(account)s)
  AND (%(instructor_id)s::text IS NULL OR instructor_id = %(instructor_id)s)
  AND (%(payout_id)s::text IS NULL OR payout_id = %(payout_id)s)
  AND (%(period)s::text IS NULL OR period = %(period)s)
  AND (%(effective_from)s::timestamptz IS NULL OR occurred_at >= %(effective_from)s)
  AND (%(effective_at)s::timestamptz IS NULL OR occurred_at <= %(effective_at)s)
ORDER BY position
LIMIT %(limit)s;

-- name: entries
SELECT * FROM journal_line WHERE position = ANY (%(positions)s) ORDER BY position, line;

-- name: instructor_balance
SELECT coalesce(sum(amount_minor), 0)::bigint AS balance_minor
FROM journal_line
WHERE account = %(account)s AND instructor_id = %(instructor_id)s AND currency = %(currency)s
  AND position <= %(as_of)s AND occurred_at <= %(effective_at)s;

-- name: carried_forward
-- What the pages before this one came to.
SELECT coalesce(sum(amount_minor), 0)::bigint AS balance_minor
FROM journal_line
WHERE position > %(begins_after)s AND position <= %(after)s
  AND account = %(account)s AND currency = %(currency)s
  AND (%(instructor_id)s::text IS NULL OR instructor_id = %(instructor_id)s)
  AND occurred_at >= %(effective_from)s AND occurred_at <= %(effective_at)s;

-- name: statement_lines
SELECT *
FROM journal_line
WHERE position > %(after)s AND position <= %(as_of)s
  AND account = %(account)s AND currency = %(currency)s
  AND (%(instructor_id)s::text IS NULL OR instructor_id = %(instructor_id)s)
  AND occurred_at >= %(effective_from)s AND occurred_at <= %(effective_at)s
ORDER BY position
LIMIT %(limit)s;

-- name: first_period
SELECT min(period) AS period FROM journal_day;

-- name: turnovers
-- What each month after this one was posted with, so far.
SELECT period AS month, account, currency, sum(debit_minor - credit_minor)::bigint AS net_minor
FROM journal_day
WHERE period > %(after)s
GROUP BY period, account, currency
ORDER BY period, account, currency;

-- name: period_balances
-- A period goes on from the newest one closed before it (after), and takes in whatever lies between the two.
SELECT account, currency,
    coalesce(sum(debit_minor - credit_minor) FILTER (WHERE period <= %(after)s), 0)::bigint AS opening_minor,
    coalesce(sum(debit_minor) FILTER (WHERE period > %(after)s), 0)::bigint AS debit_minor,
    coalesce(sum(credit_minor) FILTER (WHERE period > %(after)s), 0)::bigint AS credit_minor,
    sum(debit_minor - credit_minor)::bigint AS closing_minor
FROM journal_day
WHERE period <= %(month)s
GROUP BY account, currency;

-- name: period_entries
-- Every entry has a first line.
SELECT count(*) FROM journal_line WHERE period > %(after)s AND period <= %(month)s AND line = 1;

-- name: period_lines
SELECT *
FROM journal_line
WHERE period > %(after)s AND period <= %(month)s
ORDER BY position, line;

-- name: unbalanced
SELECT DISTINCT position
FROM (SELECT position FROM journal_line GROUP BY position, currency HAVING sum(amount_minor) <> 0) AS uneven
ORDER BY position
LIMIT %(limit)s;

-- name: payees
-- Settled less reversed, when it was settled and when it came back. Whatever else an instructor's accounts are posted with is
-- no payment. Their lines of a settlement are debits, of a reversal credits.
SELECT instructor_id, currency,
    coalesce(sum(amount_minor) FILTER (WHERE event_type = 'TransferSettled'), 0)::bigint AS settled_minor,
    coalesce(-sum(amount_minor) FILTER (WHERE event_type = 'TransferReversed'), 0)::bigint AS reversed_minor,
    sum(amount_minor)::bigint AS paid_minor
FROM journal_line
WHERE occurred_at >= %(begins)s AND occurred_at < %(ends)s
  AND position <= %(as_of)s
  AND event_type IN ('TransferSettled', 'TransferReversed') AND instructor_id IS NOT NULL
GROUP BY instructor_id, currency
ORDER BY paid_minor DESC, instructor_id, currency
LIMIT %(limit)s OFFSET %(offset)s;
