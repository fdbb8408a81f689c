"""How a proof is checked, step by step as RFC 9162 has it; `verify_export` comes to the same in its own way."""

from collections.abc import Sequence

from ledger.proof.merkle import node_hash


def is_included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the leaf's hash is at this index of the tree (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    here, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if here % 2 or here == last:
            found = node_hash(sibling, found)
            while here % 2 == 0 and here:
                here, last = here >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        here, last = here >> 1, last >> 1
    return last == 0 and found == root


def is_consistent(old_size: int, size: int, old_root: bytes, root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the first tree is the beginning of the second (RFC 9162, 2.1.4.2)."""
    if old_size == size:
        return not path and old_root == root
    if not 0 < old_size < size or not path:
        return False
    steps = [old_root, *path] if old_size & (old_size - 1) == 0 else list(path)
    here, last = old_size - 1, size - 1
    while here % 2:
        here, last = here >> 1, last >> 1
    old_found = found = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            return False
        if here % 2 or here == last:
            old_found, found = node_hash(sibling, old_found), node_hash(sibling, found)
            while here % 2 == 0 and here:
                here, last = here >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        here, last = here >> 1, last >> 1
    return last == 0 and (old_found, found) == (old_root, root)
