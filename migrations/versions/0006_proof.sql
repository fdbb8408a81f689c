-- The seals: tiles of the Merkle tree over the log, and signed checkpoints. Nothing that appends events looks at any of it.
CREATE SCHEMA IF NOT EXISTS proof;

COMMENT ON SCHEMA proof IS 'What proves the log: the tree over its events and the signed checkpoints, written by the sealer alone';

-- The last tile of a level grows until it is full; a full one never changes again.
CREATE TABLE proof.tile (
    level      smallint NOT NULL CHECK (level >= 0),
    tile_index bigint   NOT NULL CHECK (tile_index >= 0),
    hashes     bytea    NOT NULL CHECK (octet_length(hashes) % 32 = 0 AND octet_length(hashes) BETWEEN 32 AND 8192),
    CONSTRAINT tile_place PRIMARY KEY (level, tile_index)
);
ALTER TABLE proof.tile ALTER COLUMN hashes SET STORAGE EXTERNAL; -- hashes do not compress

COMMENT ON TABLE proof.tile IS 'The tree in tiles of up to 256 hashes, as C2SP tlog-tiles has them';
COMMENT ON COLUMN proof.tile.level IS '0: hashes of events, the first of tile 0 being position 1; n: roots of full tiles of level n - 1';

CREATE TABLE proof.checkpoint (
    size      bigint      NOT NULL CHECK (size > 0),
    root      bytea       NOT NULL CHECK (octet_length(root) = 32),
    note      text        NOT NULL,
    sealed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT checkpoint_size PRIMARY KEY (size)
);

COMMENT ON TABLE proof.checkpoint IS 'Signed roots. Append-only; the same notes are kept outside the database';
COMMENT ON COLUMN proof.checkpoint.size IS 'How many events it covers: positions 1 to size';
COMMENT ON COLUMN proof.checkpoint.note IS 'The signed note (C2SP tlog-checkpoint), byte by byte as it is published';

CREATE FUNCTION proof.refuse_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '% on %.% is refused: a seal is never taken back', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;

-- A tile may only grow: what it holds stays its beginning.
CREATE FUNCTION proof.refuse_rewriting() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.level <> OLD.level OR NEW.tile_index <> OLD.tile_index
       OR substring(NEW.hashes FOR octet_length(OLD.hashes)) <> OLD.hashes
    THEN
        RAISE EXCEPTION 'tile % of level % is refused: it does not begin with what was sealed', OLD.tile_index, OLD.level
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON proof.checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION proof.refuse_change();
CREATE TRIGGER refuse_change BEFORE DELETE OR TRUNCATE ON proof.tile
    FOR EACH STATEMENT EXECUTE FUNCTION proof.refuse_change();
CREATE TRIGGER refuse_rewriting BEFORE UPDATE ON proof.tile
    FOR EACH ROW EXECUTE FUNCTION proof.refuse_rewriting();

ALTER TABLE proof.checkpoint ENABLE ALWAYS TRIGGER refuse_change;
ALTER TABLE proof.tile ENABLE ALWAYS TRIGGER refuse_change;
ALTER TABLE proof.tile ENABLE ALWAYS TRIGGER refuse_rewriting;

REVOKE ALL ON SCHEMA proof FROM PUBLIC;
REVOKE ALL ON proof.tile, proof.checkpoint FROM PUBLIC;
REVOKE ALL ON FUNCTION proof.refuse_change(), proof.refuse_rewriting() FROM PUBLIC;

GRANT USAGE ON SCHEMA proof TO ledger_app, ledger_read;
GRANT SELECT ON proof.tile, proof.checkpoint TO ledger_app, ledger_read;
GRANT INSERT ON proof.checkpoint TO ledger_app;
GRANT INSERT, UPDATE ON proof.tile TO ledger_app;
