"""The Merkle tree of RFC 9162, 2.1 (that of RFC 6962): hashes, roots, and the paths of the two proofs. Pure functions over bytes.

A node is named by its height (leaves: 0) and its index from the left among those of its height; only complete subtrees have
one. Whoever asks for a path brings a function that knows the hashes of nodes; `verify_export` is who checks one.
"""

from collections.abc import Callable
from hashlib import sha256

__all__ = [
    "EMPTY_ROOT",
    "HASH_BYTES",
    "Nodes",
    "consistency_path",
    "inclusion_path",
    "leaf_hash",
    "node_hash",
    "perfect_root",
    "root_of_range",
]

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()

Nodes = Callable[[int, int], bytes]
"""(height, index) → the hash of that node."""


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: bytes) -> bytes:
    """The root over 1, 2, 4, 8, ... hashes in a row."""
    while len(hashes) > HASH_BYTES:
        pairs = range(0, len(hashes), 2 * HASH_BYTES)
        hashes = b"".join([sha256(b"\x01" + hashes[at : at + 2 * HASH_BYTES]).digest() for at in pairs])
    return hashes


def root_of_range(nodes: Nodes, begin: int, end: int) -> bytes:
    """MTH(D[begin:end]) of RFC 9162, 2.1.1, where `begin` is a multiple of the largest power of two in the range."""
    size = end - begin
    if size == 0:
        return EMPTY_ROOT
    if size & (size - 1) == 0:
        height = size.bit_length() - 1
        return nodes(height, begin >> height)
    middle = begin + _split(size)
    return node_hash(root_of_range(nodes, begin, middle), root_of_range(nodes, middle, end))


def inclusion_path(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """PATH(index, D[size]) of RFC 9162, 2.1.3.1: what has to be hashed with a leaf, from the bottom up, to get the root."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has none at {index}")
    path: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(root_of_range(nodes, middle, end))
            end = middle
        else:
            path.append(root_of_range(nodes, begin, middle))
            begin = middle
    return path[::-1]


def consistency_path(nodes: Nodes, old_size: int, size: int) -> list[bytes]:
    """PROOF(old_size, D[size]) of RFC 9162, 2.1.4.1: that the first tree is the beginning of the second."""
    if not 0 < old_size <= size:
        raise ValueError(f"no tree of {old_size} leaves is the beginning of one of {size}")
    path: list[bytes] = []
    begin, end = 0, size
    while old_size < end:
        middle = begin + _split(end - begin)
        if old_size <= middle:
            path.append(root_of_range(nodes, middle, end))
            end = middle
        else:
            path.append(root_of_range(nodes, begin, middle))
            begin = middle
    if begin > 0:
        path.append(root_of_range(nodes, begin, end))
    return path[::-1]


def _split(size: int) -> int:
    """The largest power of two below a size of two or more."""
    return 1 << ((size - 1).bit_length() - 1)
