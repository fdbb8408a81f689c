-- What a run of reconciling found is evidence, and its event on the log has the SHA-256 of the lines. So nobody changes a line, the owner
-- of the tables no more than the application, and nobody adds one to a run that is stored. The triggers fire in every replication role.
CREATE FUNCTION ledger.refuse_change_of_run() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '% on %.% is refused: what a run found stays as it was stored', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'Reconcile again: another run has lines of its own.';
END
$$;

-- A run is stored with all of its lines, which are numbered from 1 to as many as it says. Those numbers are taken, so one more would
-- have another: no clock and no transaction has to be looked at, and it makes no difference who is first.
CREATE FUNCTION ledger.refuse_added_line() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    one_too_many record;
BEGIN
    SELECT added.run_id, added.number INTO one_too_many
    FROM added
    LEFT JOIN ledger.reconciliation_run AS run ON run.run_id = added.run_id
    WHERE run.run_id IS NULL OR added.number > run.lines
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'line % of the run % is refused: it is none of those that the run was stored with',
            one_too_many.number, one_too_many.run_id
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.reconciliation_run
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change_of_run();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.reconciliation_line
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change_of_run();
CREATE TRIGGER refuse_added_line AFTER INSERT ON ledger.reconciliation_line
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_added_line();

ALTER TABLE ledger.reconciliation_run ENABLE ALWAYS TRIGGER refuse_change;
ALTER TABLE ledger.reconciliation_line ENABLE ALWAYS TRIGGER refuse_change;
ALTER TABLE ledger.reconciliation_line ENABLE ALWAYS TRIGGER refuse_added_line;

REVOKE ALL ON FUNCTION ledger.refuse_change_of_run(), ledger.refuse_added_line() FROM PUBLIC;
