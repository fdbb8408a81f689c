-- The to-do list of the payout process. It only says which payouts to look at and when; what to do is decided from the log.

-- name: add
-- A payout became owed: look at it now.
INSERT INTO ledger.payout_todo (payout_id, referrer_id, due_at)
SELECT payout_id, referrer_id, now()
FROM unnest(%(payout_ids)s::text[], %(referrer_ids)s::text[]) AS owed (payout_id, referrer_id)
ON CONFLICT (payout_id) DO NOTHING;

-- name: wake_referrers
-- Something changed about where these referrers are paid. `wakeups` tells a worker that is busy with one of theirs.
UPDATE ledger.payout_todo
SET due_at = now(), wakeups = wakeups + 1
WHERE referrer_id = ANY (%(referrer_ids)s);

-- name: wake_owners
-- Stripe said that something changed about these accounts: wake the payouts of everybody who ever named one of them.
UPDATE ledger.payout_todo
SET due_at = now(), wakeups = wakeups + 1
WHERE referrer_id IN (
    SELECT event.data ->> 'instructor_id'
    FROM ledger.event_tag
    JOIN ledger.event ON event.position = event_tag.position
    WHERE event_tag.tag = ANY (%(account_tags)s) AND event_tag.type = 'PayoutAccountUpdated'
);

-- name: wake_settled
-- Whoever settled these has nothing more to do with them, so their leases are over as well.
UPDATE ledger.payout_todo
SET due_at = now(), wakeups = wakeups + 1, leased_until = NULL
WHERE payout_id = ANY (%(payout_ids)s);

-- name: wake_waiting_for
-- Something changed for all payouts that wait for this, and for those being looked at, who may be about to: also where the
-- lease has run out, since its worker may only be slow.
UPDATE ledger.payout_todo
SET due_at = now(), wakeups = wakeups + 1
WHERE waiting_for = ANY (%(reasons)s) OR leased_until IS NOT NULL;

-- name: add_or_wake
-- Something happened to these payouts, which may have been finished before. A new row's wakeups are none that a worker may
-- still hold from the row before it, or that worker's `finish` would take this one off.
INSERT INTO ledger.payout_todo (payout_id, referrer_id, due_at, wakeups)
SELECT payout_id, referrer_id, now(), (SELECT position + 1 FROM ledger.payout_todo_checkpoint)
FROM unnest(%(payout_ids)s::text[], %(referrer_ids)s::text[]) AS woken (payout_id, referrer_id)
ON CONFLICT (payout_id) DO UPDATE SET due_at = now(), wakeups = payout_todo.wakeups + 1;

-- name: remove
-- What was settled is off the list, whoever settled it. Not so if Stripe had told something about the transfer before: it may be
-- that it was reversed already, and whoever settled it may have died before that was looked up.
DELETE FROM ledger.payout_todo AS todo
WHERE payout_id = ANY (%(payout_ids)s)
  AND NOT EXISTS (
      SELECT
      FROM ledger.event_tag AS noticed
      WHERE noticed.tag = 'payout:' || todo.payout_id AND noticed.type = 'TransferNoticed'
  );

-- name: finish
-- If it was woken meanwhile it stays due.
WITH finished AS (
    DELETE FROM ledger.payout_todo
    WHERE payout_id = %(payout_id)s AND wakeups = %(wakeups)s
    RETURNING payout_id
)
UPDATE ledger.payout_todo
SET leased_until = NULL, due_at = now()
WHERE payout_id = %(payout_id)s AND NOT EXISTS (SELECT FROM finished);

-- name: begin_sweep
-- Its row lock has sweeps take turns.
UPDATE ledger.payout_watch SET swept_at = now() WHERE swept_at <= now() - %(interval)s RETURNING swept_at;

-- name: told_until
SELECT told_until FROM ledger.payout_watch;

-- name: heard_until
UPDATE ledger.payout_watch SET told_until = greatest(told_until, %(moment)s);

-- name: pay_in_mode
-- Whoever asks first says which.
UPDATE ledger.payout_watch SET stripe_mode = coalesce(stripe_mode, %(mode)s) RETURNING stripe_mode;

-- name: note_open
-- What was earned since the last sweep, and is neither settled nor cancelled.
INSERT INTO ledger.payout_open (payout_id, referrer_id, earned_position)
SELECT earned.data ->> 'payout_id', earned.data ->> 'referrer_id', earned.position
FROM ledger.event AS earned
WHERE earned.type = 'BonusEarned'
  AND earned.position > (SELECT swept_position FROM ledger.payout_watch)
  AND earned.position <= %(position)s
  AND NOT EXISTS (
      SELECT
      FROM ledger.event_tag AS ending
      WHERE ending.tag = 'payout:' || (earned.data ->> 'payout_id')
        AND ending.type IN ('TransferSettled', 'PayoutCancelled')
  )
ORDER BY earned.position
ON CONFLICT (payout_id) DO NOTHING;

-- name: note_ended
-- For good: the log never takes an ending back.
DELETE FROM ledger.payout_open AS open
WHERE EXISTS (
    SELECT
    FROM ledger.event_tag AS ending
    WHERE ending.tag = 'payout:' || open.payout_id AND ending.type IN ('TransferSettled', 'PayoutCancelled')
);

-- name: end_looking
UPDATE ledger.payout_watch SET swept_position = greatest(swept_position, %(position)s);

-- name: sweep_owed
-- What was earned, is neither settled nor cancelled, and is not on the list: all of it as of one moment, since payouts settle,
-- and leave the list, while a sweep goes on.
INSERT INTO ledger.payout_todo (payout_id, referrer_id, due_at)
SELECT open.payout_id, open.referrer_id, now()
FROM ledger.payout_open AS open
WHERE open.earned_position <= %(position)s
  AND NOT EXISTS (SELECT FROM ledger.payout_todo AS todo WHERE todo.payout_id = open.payout_id)
  AND NOT EXISTS (
      SELECT
      FROM ledger.event_tag AS ending
      WHERE ending.tag = 'payout:' || open.payout_id AND ending.type IN ('TransferSettled', 'PayoutCancelled')
  )
ON CONFLICT (payout_id) DO NOTHING;

-- name: sweep_settled
-- What was settled and has to be followed up all the same: a reversal that was approved or begun and has not come to its end, or
-- one that Stripe told of, also before we knew that it was settled, and that nobody has read off since. What came back in full is
-- over. A row's wakeups are those of add_or_wake: it is a payout that was on the list before.
INSERT INTO ledger.payout_todo (payout_id, referrer_id, due_at, wakeups)
SELECT DISTINCT begun.data ->> 'payout_id', begun.data ->> 'referrer_id', now(), checkpoint.position + 1
FROM ledger.payout_todo_checkpoint AS checkpoint
JOIN ledger.event AS begun ON begun.position <= checkpoint.position
WHERE (
      begun.type = 'TransferNoticed' AND begun.data ->> 'stripe_event_type' = 'transfer.reversed'
      OR begun.type = 'ApprovalGranted' AND begun.data ->> 'action' = 'reverse'
      OR begun.type = 'ReversalRequested'
  )
  AND NOT EXISTS (SELECT FROM ledger.payout_todo AS todo WHERE todo.payout_id = begun.data ->> 'payout_id')
  AND EXISTS (
      SELECT
      FROM ledger.event_tag AS settled
      WHERE settled.tag = 'payout:' || (begun.data ->> 'payout_id') AND settled.type = 'TransferSettled'
  )
  AND NOT EXISTS (
      SELECT
      FROM ledger.event_tag AS ending
      WHERE ending.tag = 'payout:' || (begun.data ->> 'payout_id')
        AND ending.position > begun.position
        AND ending.type = ANY (
            CASE begun.type
                WHEN 'TransferNoticed' THEN ARRAY['TransferReversed', 'TransferConfirmed']
                WHEN 'ApprovalGranted' THEN ARRAY['ReversalRequested']
                ELSE ARRAY['ReversalFailed']
            END
        )
  )
  AND NOT EXISTS (
      SELECT
      FROM ledger.event_tag AS tagged
      JOIN ledger.event AS reversed ON reversed.position = tagged.position
      JOIN ledger.event_tag AS settling ON settling.tag = tagged.tag AND settling.type = 'TransferSettled'
      JOIN ledger.event AS settled ON settled.position = settling.position
      WHERE tagged.tag = 'payout:' || (begun.data ->> 'payout_id')
        AND tagged.type = 'TransferReversed'
        AND (reversed.data ->> 'total_reversed_minor')::bigint >= (settled.data ->> 'amount_minor')::bigint
  )
ON CONFLICT (payout_id) DO NOTHING;

-- name: read_clock
SELECT clock_timestamp();

-- name: claim
-- Due payouts that nobody is working on, for one worker, until the lease runs out. Chosen once, in a CTE: a join may run a
-- subquery again and again, and would then choose more than the limit.
WITH due AS MATERIALIZED (
    SELECT payout_id
    FROM ledger.payout_todo
    WHERE due_at <= now() AND (leased_until IS NULL OR leased_until <= now())
    ORDER BY due_at
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE ledger.payout_todo AS todo
SET leased_until = now() + make_interval(secs => %(lease_seconds)s)
FROM due
WHERE todo.payout_id = due.payout_id
RETURNING todo.payout_id, todo.wakeups, todo.leased_until;

-- name: put_back
-- The worker is done for now. If the payout was woken meanwhile it stays due. A worker whose lease has run out leaves that of
-- whoever holds the payout now alone, and what somebody has put back since: that one has looked at it later.
UPDATE ledger.payout_todo
SET leased_until = nullif(leased_until, %(leased_until)s),
    waiting_for = %(waiting_for)s,
    due_at = CASE WHEN wakeups = %(wakeups)s THEN %(due_at)s ELSE now() END
WHERE payout_id = %(payout_id)s AND leased_until IS NOT NULL;

-- name: quiet
-- Nothing is due, and nothing is being worked on. What is due within the horizon counts as due, but for payouts that only have
-- another look taken at something which does not depend on us.
SELECT count(*) = 0 AS quiet
FROM ledger.payout_todo
WHERE due_at <= now()
   OR leased_until > now()
   OR (
       due_at <= now() + make_interval(secs => %(horizon_seconds)s)
       AND coalesce(waiting_for, '') <> ALL (%(only_looking)s)
   );

-- name: next_due_in_seconds
SELECT extract(epoch FROM min(greatest(due_at, leased_until)) - now())::float8 AS seconds FROM ledger.payout_todo WHERE due_at IS NOT NULL;

-- name: lock_checkpoint
SELECT position FROM ledger.payout_todo_checkpoint FOR UPDATE;

-- name: read_checkpoint
SELECT position FROM ledger.payout_todo_checkpoint;

-- name: move_checkpoint
UPDATE ledger.payout_todo_checkpoint SET position = %(position)s;
