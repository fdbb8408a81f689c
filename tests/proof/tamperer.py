"""The database's superuser, whom no trigger stops; and the owner of the seal store."""

import shutil
from pathlib import Path

import psycopg

from ledger.proof.canonical import canonical_event
from ledger.proof.merkle import leaf_hash
from ledger.proof.notes import Checkpoint, SigningKey
from ledger.proof.tiles import TiledTree
from tests.proof.sealed_log import SealedLog

TABLES = ("ledger.event", "ledger.event_tag", "ledger.log_head", "proof.tile", "proof.checkpoint")


class Tamperer:
    """`close` puts everything back."""

    def __init__(self, log: SealedLog, kept: Path) -> None:
        self.log = log
        self.store = Path(log.store.address)
        self._kept = shutil.copytree(self.store, kept)
        self._connection = psycopg.connect(log.url, autocommit=True)
        self._unguard = ";".join(f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in TABLES)
        self._guard = ";".join(
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"
            for table, name in self._connection.execute(
                "SELECT format('%%s.%%s', relnamespace::regnamespace, relname), tgname"
                " FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
                " WHERE tgenabled = 'A' AND tgrelid = ANY (%s::regclass[])",
                [list(TABLES)],
            ).fetchall()
        )
        for table in TABLES:
            self.sql(f"CREATE TEMPORARY TABLE {self._copy_of(table)} AS TABLE {table}")
        self.sql("ALTER TABLE ledger.event DROP CONSTRAINT IF EXISTS event_position_check")

    def sql(self, statements: str, *parameters: object) -> psycopg.Cursor:
        """With the triggers out of the way, and back in force afterwards: nothing shows that they ever were."""
        self._connection.execute(self._unguard.encode())
        try:
            return self._connection.execute(statements.encode(), parameters or None)
        finally:
            self.guard()

    def guard(self) -> None:
        self._connection.execute(self._guard.encode())

    def reseal(self, key: SigningKey | None) -> None:
        """Tiles and checkpoints in the database anew, over the rows as they are; signed with a key, or by nobody."""
        leaves = [leaf_hash(canonical_event(recorded)) for recorded in self.log.recorder.read()]
        self.sql("TRUNCATE proof.tile")
        for (level, index), hashes in TiledTree().extend(b"".join(leaves)).items():
            self.sql("INSERT INTO proof.tile VALUES (%s, %s, %s)", level, index, hashes)
        for (size,) in self.sql("SELECT size FROM proof.checkpoint").fetchall():
            tree = TiledTree()
            tree.extend(b"".join(leaves[:size]))
            text = Checkpoint(self.log.key.name, size, tree.root()).text
            note = text + "\n" if key is None else key.sign(text)
            self.sql("UPDATE proof.checkpoint SET root = %s, note = %s WHERE size = %s", tree.root(), note, size)

    def close(self) -> None:
        for table in TABLES:
            self.sql(f"TRUNCATE {table}; INSERT INTO {table} TABLE {self._copy_of(table)}")
        self._connection.close()
        shutil.rmtree(self.store)
        shutil.move(self._kept, self.store)

    @staticmethod
    def _copy_of(table: str) -> str:
        return f"{table.replace('.', '_')}_kept"
