"""The tree in tiles (C2SP tlog-tiles): 256 hashes of one level side by side, however large the tree.

A tile of level 0 holds the hashes of 256 leaves; one of level n the roots of 256 full tiles of level n - 1. All but the last
tile of a level are full and never change, so that any node of any earlier tree is found in a tile or hashed from one.
"""

from collections.abc import Callable, Sequence

from ledger.proof.merkle import EMPTY_ROOT, HASH_BYTES, Nodes, node_hash, perfect_root

__all__ = ["TILE_BYTES", "TILE_WIDTH", "TileMissingError", "TiledTree", "Tiles", "nodes_in", "tile_name"]

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
TILE_BYTES = TILE_WIDTH * HASH_BYTES

Tiles = Callable[[int, int], bytes | None]
"""(level, index) → the hashes of that tile, as many as there are; None: there is none."""


class TileMissingError(Exception):
    """A tile that the tree needs is not there, or too short."""

    def __init__(self, level: int, index: int) -> None:
        super().__init__(f"the tree's tile {index} of level {level} is missing or too short")


class TiledTree:
    """A growing tree, of which only the last tile of each level is kept."""

    def __init__(self, size: int = 0, edges: Sequence[bytes] = ()) -> None:
        self.size = size
        """Leaves."""
        self._edges = list(edges)

    @classmethod
    def load(cls, size: int, tiles: Tiles) -> "TiledTree":
        """The tree of the first `size` leaves. Raises TileMissingError."""
        edges: list[bytes] = []
        while (count := size >> TILE_HEIGHT * len(edges)) > 0:
            index, width = divmod(count, TILE_WIDTH)
            edge = (tiles(len(edges), index) or b"")[: width * HASH_BYTES] if width else b""
            if len(edge) < width * HASH_BYTES:
                raise TileMissingError(len(edges), index)
            edges.append(edge)
        return cls(size, edges)

    def copy(self) -> "TiledTree":
        return TiledTree(self.size, self._edges)

    def extend(self, leaves: bytes) -> dict[tuple[int, int], bytes]:
        """Add the hashes of leaves, one after the other. Returns the tiles that are new or longer, by (level, index)."""
        changed: dict[tuple[int, int], bytes] = {}
        level, added = 0, leaves
        while added:
            if level == len(self._edges):
                self._edges.append(b"")
            index = self.size >> TILE_HEIGHT * (level + 1)
            hashes = self._edges[level] + added
            roots = []
            full = len(hashes) - len(hashes) % TILE_BYTES
            for at in range(0, full, TILE_BYTES):
                tile = hashes[at : at + TILE_BYTES]
                changed[level, index + at // TILE_BYTES] = tile
                roots.append(perfect_root(tile))
            self._edges[level] = hashes[full:]
            if full < len(hashes):
                changed[level, index + full // TILE_BYTES] = hashes[full:]
            level, added = level + 1, b"".join(roots)
        self.size += len(leaves) // HASH_BYTES
        return changed

    def root(self) -> bytes:
        """Of all leaves: the perfect subtrees at the right edge, hashed together from the smallest up."""
        root: bytes | None = None
        for edge in self._edges:
            end = len(edge) // HASH_BYTES
            while end:
                begin = end & (end - 1)
                peak = perfect_root(edge[begin * HASH_BYTES : end * HASH_BYTES])
                root = peak if root is None else node_hash(peak, root)
                end = begin
        return EMPTY_ROOT if root is None else root


def nodes_in(tiles: Tiles) -> Nodes:
    """The nodes of the tree that these tiles hold; each tile is asked for once. The function raises TileMissingError."""
    known: dict[tuple[int, int], bytes] = {}

    def node(height: int, index: int) -> bytes:
        level, height_in_tile = divmod(height, TILE_HEIGHT)
        tile_index, begin = divmod(index << height_in_tile, TILE_WIDTH)
        if (level, tile_index) not in known:
            known[level, tile_index] = tiles(level, tile_index) or b""
        end = begin + (1 << height_in_tile)
        hashes = known[level, tile_index][begin * HASH_BYTES : end * HASH_BYTES]
        if len(hashes) < (end - begin) * HASH_BYTES:
            raise TileMissingError(level, tile_index)
        return perfect_root(hashes)

    return node


def tile_name(level: int, index: int) -> str:
    """`tile/0/x001/x234/067`: where a full tile is found outside."""
    parts = [f"{index % 1000:03}"]
    while index := index // 1000:
        parts.append(f"x{index % 1000:03}")
    return "/".join(("tile", str(level), *reversed(parts)))
