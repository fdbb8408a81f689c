-- Writes the journal: nothing here changes or removes a line.

-- name: add_days
-- A batch comes after those before it, so its newest position is the cell's.
INSERT INTO journal_day (
    recorded_day, effective_day, period, account, currency, debit_minor, credit_minor, last_position
)
SELECT recorded_day, effective_day, period, account, currency, debit_minor, credit_minor, last_position
FROM jsonb_populate_recordset(NULL::journal_day, %s::jsonb)
ON CONFLICT (recorded_day, effective_day, period, account, currency) DO UPDATE
SET debit_minor = journal_day.debit_minor + excluded.debit_minor,
    credit_minor = journal_day.credit_minor + excluded.credit_minor,
    last_position = excluded.last_position;
