"""What the seal store holds, read in bulk: several requests at a time, and never much of it in memory."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from ledger.proof.seal_store import CHECKPOINTS, SealStore, checkpoint_name, size_of
from ledger.proof.tiles import TILE_WIDTH, tile_name

__all__ = ["Outside"]

REQUESTS_AT_ONCE = 16
BATCH_SIZE = 256


class Outside:
    """The seals outside as they are when it is made. Methods raise SealStoreUnavailableError."""

    def __init__(self, store: SealStore) -> None:
        self.store = store
        self.strange_names: list[str] = []
        self.sizes = sorted(self._sizes())
        """Of the checkpoints, by their names."""
        self._threads = ThreadPoolExecutor(REQUESTS_AT_ONCE, "outside")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(cancel_futures=True)

    @property
    def newest_size(self) -> int:
        return self.sizes[-1] if self.sizes else 0

    def checkpoints(self) -> Iterator[tuple[int, str]]:
        """Size and note of each, the oldest first."""
        for start in range(0, len(self.sizes), BATCH_SIZE):
            batch = self.sizes[start : start + BATCH_SIZE]
            contents = self._threads.map(self.store.get, map(checkpoint_name, batch))
            for size, content in zip(batch, contents, strict=True):
                if content is not None:
                    yield size, content.decode(errors="replace")

    def tiles(self, first: int, last: int) -> dict[int, bytes]:
        """The full tiles of level 0 with these indexes, as far as there are any."""
        indexes = range(first, min(last, self.newest_size // TILE_WIDTH - 1) + 1)
        contents = self._threads.map(self.store.get, [tile_name(0, index) for index in indexes])
        return {index: content for index, content in zip(indexes, contents, strict=True) if content is not None}

    def _sizes(self) -> Iterator[int]:
        for name in self.store.names(CHECKPOINTS):
            size = size_of(name)
            if size is not None:
                yield size
            else:
                self.strange_names.append(name)
