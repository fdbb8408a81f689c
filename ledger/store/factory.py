"""Lets the library build this store from its environment: PERSISTENCE_MODULE=ledger.store and DATABASE_URL."""

from eventsourcing.dcb.persistence import DCBInfrastructureFactory
from eventsourcing.persistence import InfrastructureFactoryError, TrackingRecorder
from eventsourcing.utils import Environment, EnvType

from ledger.store.recorder import PostgresRecorder

__all__ = ["LedgerStoreFactory"]


class LedgerStoreFactory(DCBInfrastructureFactory[TrackingRecorder]):
    """`dcb_recorder` gives the same recorder each time, so that all of a process's appends can share commits.

    Raises InfrastructureFactoryError where DATABASE_URL is missing.
    """

    DATABASE_URL = "DATABASE_URL"

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        database_url = self.env.get(self.DATABASE_URL)
        if not database_url:
            raise InfrastructureFactoryError(
                f"'{self.DATABASE_URL}' is not in the environment: which database holds the log?"
            )
        self._database_url = database_url
        self._recorder: PostgresRecorder | None = None

    def dcb_recorder(self) -> PostgresRecorder:
        if self._recorder is None:
            self._recorder = PostgresRecorder(self._database_url)
        return self._recorder

    def close(self) -> None:
        if self._recorder is not None:
            self._recorder.close()
            self._recorder = None
