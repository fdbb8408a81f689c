-- The lines of runs. Rows are written once; there is no statement that changes one.

-- name: begin_run
-- Nobody else writes the same run meanwhile: a second one waits here for the first, and then finds its row.
INSERT INTO ledger.reconciliation_run (run_id, lines)
VALUES (%(run_id)s, %(lines)s)
ON CONFLICT (run_id) DO NOTHING
RETURNING run_id;

-- name: copy_lines
COPY ledger.reconciliation_line (
    run_id, number, book, line_class, category, matched_by, book_line_id, book_at, book_minor,
    stripe_line_id, stripe_source_id, stripe_at, stripe_minor, payout_id, exception_id
) FROM STDIN;

-- name: read_lines
SELECT
    number, book, line_class, category, matched_by, book_line_id, book_at, book_minor,
    stripe_line_id, stripe_source_id, stripe_at, stripe_minor, payout_id, exception_id
FROM ledger.reconciliation_line
WHERE run_id = %(run_id)s
  AND number > %(after)s
  AND number <= %(last)s
  AND (%(line_class)s::text IS NULL OR line_class = %(line_class)s)
ORDER BY number
LIMIT %(limit)s;

-- name: as_digested
-- Until the end of the transaction: moments as the digest has them, whatever the database or its URL says of them, and as much time as
-- it takes.
SELECT
    set_config('TimeZone', 'UTC', true),
    set_config('DateStyle', 'ISO', true),
    set_config('statement_timeout', '0', true),
    set_config('idle_in_transaction_session_timeout', '0', true);

-- name: copy_kept
COPY (
    SELECT
        run_id, number, book, line_class, category, matched_by, book_line_id, book_at, book_minor,
        stripe_line_id, stripe_source_id, stripe_at, stripe_minor, payout_id, exception_id
    FROM ledger.reconciliation_line
    WHERE run_id = %(run_id)s
    ORDER BY number
) TO STDOUT (ENCODING 'UTF8');
