-- The application reads the log and calls ledger.append, which runs with the owner's rights. It can do nothing else to it.
REVOKE ALL ON ledger.event, ledger.event_tag, ledger.log_head FROM PUBLIC;
REVOKE ALL ON FUNCTION ledger.append(jsonb), ledger.next_match(text[], text[], bigint), ledger.refuse_change(), ledger.refuse_gap()
    FROM PUBLIC;

GRANT SELECT ON ledger.event, ledger.event_tag, ledger.log_head TO ledger_app, ledger_read;
GRANT EXECUTE ON FUNCTION ledger.append(jsonb) TO ledger_app;

-- Every part asks at its start whether the schema is its release's.
GRANT SELECT ON ledger.alembic_version TO ledger_app, ledger_read;
