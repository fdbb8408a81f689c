-- Refuses whatever would change the past, to everybody: the owner of the tables too. The triggers fire in every replication role.
CREATE FUNCTION ledger.refuse_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '% on %.% is refused: the log is append-only', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'Record another event that corrects the first one.';
END
$$;

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.event
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.event_tag
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER refuse_change BEFORE INSERT OR DELETE OR TRUNCATE ON ledger.log_head
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

ALTER TABLE ledger.event ENABLE ALWAYS TRIGGER refuse_change;
ALTER TABLE ledger.event_tag ENABLE ALWAYS TRIGGER refuse_change;
ALTER TABLE ledger.log_head ENABLE ALWAYS TRIGGER refuse_change;
