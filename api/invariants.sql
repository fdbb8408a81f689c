-- name: todo
-- The to-do list of the payout process, and up to where the log has been taken into it: one snapshot.
SELECT checkpoint.position, (SELECT coalesce(array_agg(payout_id), '{}') FROM ledger.payout_todo) AS payout_ids
FROM ledger.payout_todo_checkpoint AS checkpoint;
