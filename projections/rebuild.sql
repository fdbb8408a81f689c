-- The next read models take the place of the live ones by renaming their schema.

-- name: try_lock
-- Held until the session ends. Advisory locks are of one database, so the name need not be told apart from other ledgers'.
SELECT pg_try_advisory_lock(hashtextextended('ledger.read_model_next', 0)) AS is_ours;

-- name: unlock
-- At once: the server notices the end of a session a little later than whoever ended it.
SELECT pg_advisory_unlock(hashtextextended('ledger.read_model_next', 0));

-- name: still_there
SELECT;

-- name: hold_migrations
-- The lock that whoever migrates holds (migrations/upgrading.py). Before all others: a migration waits for those.
SELECT pg_advisory_xact_lock(7810759523990372353);

-- name: hold_live
-- The projector cannot move the live read models while this transaction holds the checkpoint's row; readers go on.
SELECT position FROM read_model.program FOR UPDATE;

-- name: wait_little
-- Behind a lock that waits, all readers wait.
SET LOCAL lock_timeout TO '100ms';

-- name: shut_readers_out
-- Every reader reads program first: those under way end on the old tables, those that come wait for the new ones.
LOCK TABLE read_model.program IN ACCESS EXCLUSIVE MODE;

-- name: swap
DROP TABLE read_model_next.rebuild;
DROP SCHEMA IF EXISTS read_model_previous CASCADE;
ALTER SCHEMA read_model RENAME TO read_model_previous;
ALTER SCHEMA read_model_next RENAME TO read_model;

-- name: swap_back
ALTER SCHEMA read_model RENAME TO read_model_newer;
ALTER SCHEMA read_model_previous RENAME TO read_model;
ALTER SCHEMA read_model_newer RENAME TO read_model_previous;
