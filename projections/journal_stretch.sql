-- The journal on its way out, a page at a time.

-- name: page
-- opens: this line is the first in the stretch on its instructor's account. Asked for by what has to open accounts, a probe each.
SELECT
    line.position,
    line.line,
    event.event_id,
    line.event_type,
    line.account,
    line.instructor_id,
    line.payout_id,
    line.currency,
    line.amount_minor,
    line.occurred_at,
    line.recorded_at,
    line.period,
    %(with_openings)s AND line.instructor_id IS NOT NULL AND NOT EXISTS (
        SELECT
        FROM read_model.journal_line AS earlier
        WHERE earlier.instructor_id = line.instructor_id
          AND earlier.account = line.account
          AND earlier.position > %(begin)s
          AND (earlier.position, earlier.line) < (line.position, line.line)
    ) AS opens
FROM read_model.journal_line AS line
JOIN ledger.event ON event.position = line.position
WHERE (line.position, line.line) > (%(position)s, %(line)s)
  AND line.position <= %(until)s
  -- Said of both: a merge would read the log from its beginning for every page.
  AND event.position BETWEEN %(position)s AND %(until)s
ORDER BY line.position, line.line
LIMIT %(page_size)s;
