-- Whoever has the application's rights in the database must not be able to write seals: only the sealer may, with a role of its own.
-- As with the other roles, it may be there already, and somebody who migrates another database may be creating it at this moment.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'ledger_seal') THEN
        BEGIN
            CREATE ROLE ledger_seal NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE INHERIT;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION 'the role ledger_seal does not exist, and % may not create it', current_user
                    USING ERRCODE = 'insufficient_privilege',
                          HINT = 'As an administrator: CREATE ROLE ledger_seal NOLOGIN;';
        END;
    END IF;

    -- With one login for everything, the owner seals too: they own the tables anyway. Where they may not take the role on, the sealer
    -- needs a login that may, and says so when it starts.
    IF NOT pg_has_role(
        current_user, 'ledger_seal',
        CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END
    ) THEN
        BEGIN
            EXECUTE format('GRANT ledger_seal TO %I', current_user);
        EXCEPTION
            WHEN unique_violation OR insufficient_privilege THEN NULL;
        END;
    END IF;
END
$$;

-- It reads the log, and whether the schema is its release's.
GRANT USAGE ON SCHEMA ledger TO ledger_seal;
GRANT SELECT ON ledger.event, ledger.event_tag, ledger.log_head, ledger.alembic_version TO ledger_seal;

-- It adds seals; of what is there only the last tile of a level changes, and only by growing.
GRANT USAGE ON SCHEMA proof TO ledger_seal;
GRANT SELECT, INSERT ON proof.tile, proof.checkpoint TO ledger_seal;
GRANT UPDATE (hashes) ON proof.tile TO ledger_seal;

-- The application reads them, and that is all.
REVOKE INSERT ON proof.checkpoint FROM ledger_app;
REVOKE INSERT, UPDATE ON proof.tile FROM ledger_app;
