-- ledger: the log, the work lists, the side tables. The migrations create it before anything else, for their own version table.
-- read_model: everything that can be rebuilt from the log, and how far it has got.
CREATE SCHEMA IF NOT EXISTS ledger;
CREATE SCHEMA IF NOT EXISTS read_model;

COMMENT ON SCHEMA ledger IS 'The event log of the payout ledger, its work lists and its side tables';
COMMENT ON SCHEMA read_model IS 'Read models: all of it can be rebuilt from ledger.event';

REVOKE ALL ON SCHEMA ledger, read_model FROM PUBLIC;
GRANT USAGE ON SCHEMA ledger, read_model TO ledger_app, ledger_read;

-- Read models that later revisions create need no grants of their own.
ALTER DEFAULT PRIVILEGES IN SCHEMA read_model GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ledger_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA read_model GRANT USAGE ON SEQUENCES TO ledger_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA read_model GRANT SELECT ON TABLES TO ledger_read;
