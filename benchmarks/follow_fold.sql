-- The read models as one set-based fold in SQL: the contender that `benchmarks.follow` measures the follower against. It knows what
-- happens in `benchmarks.history` and no more, so it is no second definition of the rules: its rows are compared with the follower's.
-- The tables are those of the search_path, empty and without indexes.

-- name: said
-- A moment as the state of a payout has it. In the history none falls on a whole second.
CREATE FUNCTION said(at timestamptz) RETURNS text LANGUAGE sql STABLE
RETURN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- name: payout_event
CREATE TEMPORARY TABLE payout_event ON COMMIT DROP AS
SELECT
    data ->> 'payout_id' AS payout_id, position, type, data, occurred_at, recorded_at, actor,
    (data ->> 'amount_minor')::bigint AS amount_minor,
    -- Whether an attempt's outcome was open before this event.
    lag(type) OVER (PARTITION BY data ->> 'payout_id' ORDER BY position) IN ('TransferRequested', 'TransferOutcomeUnknown') AS was_open
FROM ledger.event
WHERE type IN (
    'BonusEarned', 'TransferRequested', 'TransferSettled', 'TransferFailed', 'TransferOutcomeUnknown', 'PayoutHeld', 'PayoutReleased',
    'ApprovalRequested', 'ApprovalGranted', 'PayoutCancelled', 'ReversalRequested', 'TransferReversed'
);
ANALYZE payout_event;

-- name: instructor
INSERT INTO instructor (
    instructor_id, codes, live_at, first_lesson_at, stripe_account_id, transfers_active, account_updated_at, account_position
)
SELECT
    instructor_id,
    coalesce(array_agg(data ->> 'code' ORDER BY position) FILTER (WHERE type = 'ReferralCodeIssued'), '{}'),
    max(occurred_at) FILTER (WHERE type = 'InstructorWentLive'),
    max(occurred_at) FILTER (WHERE type = 'FirstLessonCompleted'),
    (array_agg(data ->> 'stripe_account_id' ORDER BY position DESC) FILTER (WHERE type = 'PayoutAccountUpdated'))[1],
    (array_agg((data ->> 'transfers_active')::boolean ORDER BY position DESC) FILTER (WHERE type = 'PayoutAccountUpdated'))[1],
    (array_agg(occurred_at ORDER BY position DESC) FILTER (WHERE type = 'PayoutAccountUpdated'))[1],
    max(position) FILTER (WHERE type = 'PayoutAccountUpdated')
FROM (
    SELECT position, type, data, occurred_at, coalesce(data ->> 'instructor_id', data ->> 'referred_id') AS instructor_id
    FROM ledger.event
    WHERE type IN ('ReferralCodeIssued', 'PayoutAccountUpdated', 'InstructorWentLive', 'FirstLessonCompleted', 'ReferralAttributed')
) AS told
GROUP BY instructor_id;
ANALYZE instructor;

-- name: payout
INSERT INTO payout (
    payout_id, referral_id, referrer_id, referred_id, status, earned_position, earned_at, amount_minor, currency, tier, attempt,
    destination, transfer_id, settled_at, state, reversed_minor, open_approval
)
SELECT
    payout_id, bonus ->> 'referral_id', bonus ->> 'referrer_id', bonus ->> 'referred_id',
    CASE phase WHEN 'settled' THEN 'paid' WHEN 'owed' THEN 'pending_transfer' WHEN 'requested' THEN 'pending_transfer'
        WHEN 'unknown' THEN 'pending_transfer' ELSE phase END,
    earned_position, earned_occurred_at, (bonus ->> 'amount_minor')::bigint, bonus ->> 'currency', bonus ->> 'tier', attempts,
    request ->> 'destination', settlement ->> 'transfer_id', settled_at,
    jsonb_build_object(
        'bonus', bonus,
        'earned_position', earned_position,
        'earned_at', said(earned_recorded_at),
        'phase', phase,
        'attempt', attempts,
        'unresolved', CASE WHEN phase IN ('requested', 'unknown') THEN jsonb_build_object(
            'request', request,
            'requested_position', requested_position,
            'first_sent_at', said(requested_at),
            'unanswered', unanswered,
            'last_unanswered_at', said(last_unanswered_at),
            'kinds', CASE WHEN unanswered = 0 THEN '[]'::jsonb ELSE '["no_answer"]'::jsonb END,
            'searches', 0,
            'first_searched_at', NULL,
            'last_searched_at', NULL,
            'looked_position', 0,
            'refused_sources', '[]'::jsonb,
            'mismatched', '[]'::jsonb) END,
        'failure', CASE WHEN failure IS NOT NULL THEN jsonb_build_object(
            'event', failure,
            'failed_at', said(failed_at),
            'position', failed_position,
            'requested_position', first_requested_position,
            'count', 1,
            'first_failed_at', said(failed_at),
            'destination', request ->> 'destination') END,
        'account_verified_position', 0,
        'settlement', settlement,
        'noticed_position', 0,
        'reversal_noticed_position', 0,
        'confirmed_position', coalesce(reversed_position, 0),
        'hold', CASE WHEN hold IS NOT NULL AND NOT released AND phase NOT IN ('settled', 'cancelled') THEN jsonb_build_object(
            'reason', hold ->> 'reason', 'note', hold ->> 'note', 'held_at', said(held_at), 'held_by', held_by) END,
        'reviewed', released,
        'approval', CASE WHEN approval IS NOT NULL AND phase <> 'cancelled' THEN jsonb_build_object(
            'number', approval -> 'number', 'action', approval -> 'action', 'note', approval -> 'note',
            'requested_by', approval_by, 'requested_at', said(approval_at), 'granted', granted) END,
        'approvals', coalesce((approval ->> 'number')::integer, 0),
        'retry_authorized_position', 0,
        'reversal', CASE WHEN reversal IS NOT NULL AND phase <> 'reversed' THEN jsonb_build_object(
            'request', reversal, 'first_sent_at', said(reversal_at)) END,
        'reversal_failure', NULL,
        'reversals', coalesce((reversal ->> 'number')::integer, 0),
        'reversed_minor', reversed_minor,
        'cancelled', phase = 'cancelled',
        'given_up_minor', given_up_minor),
    reversed_minor,
    CASE WHEN approval IS NOT NULL AND phase <> 'cancelled' AND NOT granted THEN (approval ->> 'number')::integer END
FROM (
    SELECT
        payout_id,
        min(data::text) FILTER (WHERE type = 'BonusEarned')::jsonb AS bonus,
        min(position) FILTER (WHERE type = 'BonusEarned') AS earned_position,
        min(occurred_at) FILTER (WHERE type = 'BonusEarned') AS earned_occurred_at,
        min(recorded_at) FILTER (WHERE type = 'BonusEarned') AS earned_recorded_at,
        CASE (array_agg(type ORDER BY position DESC) FILTER (WHERE type IN (
                'BonusEarned', 'TransferRequested', 'TransferSettled', 'TransferFailed', 'TransferOutcomeUnknown', 'PayoutCancelled',
                'TransferReversed')))[1]
            WHEN 'BonusEarned' THEN 'owed' WHEN 'TransferRequested' THEN 'requested' WHEN 'TransferSettled' THEN 'settled'
            WHEN 'TransferFailed' THEN 'failed' WHEN 'TransferOutcomeUnknown' THEN 'unknown' WHEN 'PayoutCancelled' THEN 'cancelled'
            WHEN 'TransferReversed' THEN 'reversed' END AS phase,
        count(*) FILTER (WHERE type = 'TransferRequested') AS attempts,
        (array_agg(data ORDER BY position DESC) FILTER (WHERE type = 'TransferRequested'))[1] AS request,
        max(position) FILTER (WHERE type = 'TransferRequested') AS requested_position,
        min(position) FILTER (WHERE type = 'TransferRequested') AS first_requested_position,
        max(recorded_at) FILTER (WHERE type = 'TransferRequested') AS requested_at,
        count(*) FILTER (WHERE type = 'TransferOutcomeUnknown') AS unanswered,
        max(recorded_at) FILTER (WHERE type = 'TransferOutcomeUnknown') AS last_unanswered_at,
        min(data::text) FILTER (WHERE type = 'TransferFailed')::jsonb AS failure,
        max(position) FILTER (WHERE type = 'TransferFailed') AS failed_position,
        max(recorded_at) FILTER (WHERE type = 'TransferFailed') AS failed_at,
        min(data::text) FILTER (WHERE type = 'TransferSettled')::jsonb AS settlement,
        max(occurred_at) FILTER (WHERE type = 'TransferSettled') AS settled_at,
        min(data::text) FILTER (WHERE type = 'PayoutHeld')::jsonb AS hold,
        max(recorded_at) FILTER (WHERE type = 'PayoutHeld') AS held_at,
        max(actor) FILTER (WHERE type = 'PayoutHeld') AS held_by,
        count(*) FILTER (WHERE type = 'PayoutReleased') > 0 AS released,
        min(data::text) FILTER (WHERE type = 'ApprovalRequested')::jsonb AS approval,
        max(recorded_at) FILTER (WHERE type = 'ApprovalRequested') AS approval_at,
        max(actor) FILTER (WHERE type = 'ApprovalRequested') AS approval_by,
        count(*) FILTER (WHERE type = 'ApprovalGranted') > 0 AS granted,
        min(data::text) FILTER (WHERE type = 'ReversalRequested')::jsonb AS reversal,
        max(recorded_at) FILTER (WHERE type = 'ReversalRequested') AS reversal_at,
        max(position) FILTER (WHERE type = 'TransferReversed') AS reversed_position,
        coalesce(sum(amount_minor) FILTER (WHERE type = 'TransferReversed'), 0)::bigint AS reversed_minor,
        coalesce(sum(amount_minor) FILTER (WHERE type = 'PayoutCancelled'), 0)::bigint AS given_up_minor
    FROM payout_event
    GROUP BY payout_id
) AS folded;
ANALYZE payout;

-- name: referral
INSERT INTO referral (
    referral_id, referred_id, referrer_id, code, status, attributed_at, attributed_position, live_at, first_lesson_at, earned_at, tier,
    founding_spot, amount_minor, currency, payout_id
)
SELECT
    told.referral_id, told.referred_id, told.referrer_id, told.code,
    coalesce(payout.status, CASE WHEN instructor.live_at IS NULL THEN 'pending_live' ELSE 'pending_lesson' END),
    told.occurred_at, told.position, instructor.live_at, instructor.first_lesson_at, payout.earned_at, payout.tier,
    (payout.state -> 'bonus' ->> 'founding_spot')::integer, payout.amount_minor, payout.currency, payout.payout_id
FROM (
    SELECT
        data ->> 'referral_id' AS referral_id, data ->> 'referred_id' AS referred_id, data ->> 'referrer_id' AS referrer_id,
        data ->> 'code' AS code, occurred_at, position
    FROM ledger.event
    WHERE type = 'ReferralAttributed'
) AS told
JOIN instructor ON instructor.instructor_id = told.referred_id
LEFT JOIN payout USING (referral_id);

-- name: sums
-- Program's and instructors' alike: by referrer, and, where grouped by nothing, of all.
CREATE TEMPORARY TABLE sums ON COMMIT DROP AS
SELECT
    referrer_id,
    count(*) FILTER (WHERE status = 'pending_live') AS pending_live,
    count(*) FILTER (WHERE status = 'pending_lesson') AS pending_lesson,
    count(*) FILTER (WHERE status = 'pending_transfer') AS pending_transfer,
    count(*) FILTER (WHERE status = 'paid') AS paid,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
    count(*) FILTER (WHERE status = 'reversed') AS reversed,
    coalesce(sum(amount_minor), 0)::bigint AS earned_minor,
    coalesce(sum(amount_minor) FILTER (WHERE status = 'pending_transfer'), 0)::bigint AS pending_minor,
    coalesce(sum(amount_minor) FILTER (WHERE status = 'paid'), 0)::bigint AS paid_minor,
    coalesce(sum(amount_minor) FILTER (WHERE status = 'failed'), 0)::bigint AS failed_minor,
    coalesce(sum(amount_minor) FILTER (WHERE status = 'cancelled'), 0)::bigint AS cancelled_minor,
    coalesce(sum(amount_minor) FILTER (WHERE status = 'reversed'), 0)::bigint AS reversed_minor,
    count(*) FILTER (WHERE tier = 'founding') AS founding_bonuses,
    count(*) FILTER (WHERE tier = 'standard') AS standard_bonuses,
    coalesce(max(founding_spot), 0) AS spots_filled
FROM referral
GROUP BY GROUPING SETS ((referrer_id), ());

-- name: instructor_earnings
INSERT INTO instructor_earnings (
    instructor_id, pending_live, pending_lesson, pending_transfer, paid, failed, cancelled, reversed,
    earned_minor, pending_minor, paid_minor, failed_minor, cancelled_minor, reversed_minor
)
SELECT
    referrer_id, pending_live, pending_lesson, pending_transfer, paid, failed, cancelled, reversed,
    earned_minor, pending_minor, paid_minor, failed_minor, cancelled_minor, reversed_minor
FROM sums
WHERE referrer_id IS NOT NULL;

-- name: program
INSERT INTO program (
    only_row, position, founding_cap, founding_bonus_minor, standard_bonus_minor, currency,
    spots_filled, founding_bonuses, standard_bonuses, funds_position,
    pending_live, pending_lesson, pending_transfer, paid, failed, cancelled, reversed,
    earned_minor, pending_minor, paid_minor, failed_minor, cancelled_minor, reversed_minor
)
SELECT
    true, log_head.position, terms.founding_cap, terms.founding_bonus_minor, terms.standard_bonus_minor, terms.currency,
    spots_filled, founding_bonuses, standard_bonuses, 0,
    pending_live, pending_lesson, pending_transfer, paid, failed, cancelled, reversed,
    earned_minor, pending_minor, paid_minor, failed_minor, cancelled_minor, reversed_minor
FROM sums
CROSS JOIN ledger.log_head
CROSS JOIN LATERAL (
    SELECT told.*
    FROM ledger.event
    CROSS JOIN LATERAL jsonb_to_record(data)
        AS told (founding_cap bigint, founding_bonus_minor bigint, standard_bonus_minor bigint, currency text)
    WHERE type = 'ProgramTermsSet'
    ORDER BY event.position DESC
    LIMIT 1
) AS terms
WHERE referrer_id IS NULL;

-- name: journal_line
INSERT INTO journal_line (
    position, line, event_type, account, instructor_id, payout_id, currency, amount_minor, occurred_at, recorded_at, period
)
SELECT
    posted.position, side.line, posted.type, side.account,
    CASE WHEN side.account IN ('bonuses_payable', 'clawbacks_receivable') THEN posted.data ->> 'referrer_id' END,
    posted.payout_id, coalesce(posted.data ->> 'currency', 'usd'), CASE side.line WHEN 1 THEN amount.minor ELSE -amount.minor END,
    posted.occurred_at, posted.recorded_at, to_char(posted.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM')
FROM payout_event AS posted
JOIN (
    VALUES
        ('BonusEarned', 'bonus_expense', 'bonuses_payable'),
        ('TransferRequested', 'transfers_in_flight', 'stripe_balance'),
        ('TransferSettled', 'bonuses_payable', 'transfers_in_flight'),
        ('TransferFailed', 'stripe_balance', 'transfers_in_flight'),
        ('PayoutCancelled', 'bonuses_payable', 'bonus_expense'),
        ('ReversalRequested', 'clawbacks_receivable', 'bonuses_payable'),
        ('TransferReversed', 'stripe_balance', 'clawbacks_receivable')
) AS mapping (type, debit, credit) USING (type)
LEFT JOIN payout ON posted.type = 'TransferFailed' AND payout.payout_id = posted.payout_id
CROSS JOIN LATERAL (SELECT coalesce(posted.amount_minor, payout.amount_minor) AS minor) AS amount
CROSS JOIN LATERAL (VALUES (1, mapping.debit), (2, mapping.credit)) AS side (line, account)
WHERE posted.type NOT IN ('TransferSettled', 'TransferFailed') OR posted.was_open
ORDER BY posted.position, side.line;

-- name: journal_day
INSERT INTO journal_day (recorded_day, effective_day, period, account, currency, debit_minor, credit_minor, last_position)
SELECT
    (recorded_at AT TIME ZONE 'UTC')::date, (occurred_at AT TIME ZONE 'UTC')::date, period, account, currency,
    coalesce(sum(amount_minor) FILTER (WHERE amount_minor > 0), 0), coalesce(-sum(amount_minor) FILTER (WHERE amount_minor < 0), 0),
    max(position)
FROM journal_line
GROUP BY 1, 2, 3, 4, 5;
