"""The tree, against the vectors of Certificate Transparency and against the definition in RFC 9162, word for word."""

import random
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.proof.merkle import (
    EMPTY_ROOT,
    consistency_path,
    inclusion_path,
    leaf_hash,
    node_hash,
    root_of_range,
)
from ledger.proof.tiles import TiledTree, TileMissingError, nodes_in, tile_name
from tests.proof.rfc_verifier import is_consistent, is_included

# The reference log of Certificate Transparency (certificate-transparency-go, trillian, RFC 6962 test data).
CT_LEAVES = [
    bytes.fromhex(each)
    for each in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
CT_INCLUSION = {
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (3, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (2, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
"""(position, size) → path"""
CT_CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
"""(old size, size) → path"""


def root_by_definition(leaves: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1, as it is written."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return node_hash(root_by_definition(leaves[:half]), root_by_definition(leaves[half:]))


class Grown:
    """A tree grown in steps, with all its tiles."""

    def __init__(self, leaves: list[bytes], steps: random.Random) -> None:
        self.tiles: dict[tuple[int, int], bytes] = {}
        self.tree = TiledTree()
        while self.tree.size < len(leaves):
            end = self.tree.size + steps.choice((1, 2, 3, 255, 256, 257, 700))
            self.tiles |= self.tree.extend(b"".join(leaves[self.tree.size : end]))

    def tile(self, level: int, index: int) -> bytes | None:
        return self.tiles.get((level, index))


def hashes(count: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(count)]


def test_the_reference_log_has_the_published_roots() -> None:
    tree = TiledTree()
    assert (
        tree.root() == EMPTY_ROOT == bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    )
    for leaf, root in zip(CT_LEAVES, CT_ROOTS, strict=True):
        tree.extend(leaf_hash(leaf))
        assert tree.root().hex() == root


def test_the_reference_log_has_the_published_proofs() -> None:
    leaves = [leaf_hash(leaf) for leaf in CT_LEAVES]
    nodes = nodes_in(Grown(leaves, random.Random(1)).tile)
    roots = [bytes.fromhex(root) for root in CT_ROOTS]
    for (position, size), path in CT_INCLUSION.items():
        assert [each.hex() for each in inclusion_path(nodes, position - 1, size)] == path
        given = [bytes.fromhex(each) for each in path]
        assert is_included(leaves[position - 1], position - 1, size, given, roots[size - 1])
    for (old, size), path in CT_CONSISTENCY.items():
        assert [each.hex() for each in consistency_path(nodes, old, size)] == path
        assert is_consistent(old, size, roots[old - 1], roots[size - 1], [bytes.fromhex(each) for each in path])


@pytest.mark.parametrize("size", [0, 1, 2, 3, 255, 256, 257, 511, 512, 600, 65_536, 65_801])
def test_tiles_hold_the_tree_of_the_definition(size: int) -> None:
    leaves = hashes(size)
    grown = Grown(leaves, random.Random(size))
    root = root_by_definition(leaves)
    assert grown.tree.root() == root
    assert TiledTree.load(size, grown.tile).root() == root
    assert root_of_range(nodes_in(grown.tile), 0, size) == root
    for older in {size // 2, size - 1, size // 256 * 256} - {-1}:
        assert TiledTree.load(older, grown.tile).root() == root_by_definition(leaves[:older])


@settings(max_examples=40)
@given(st.integers(1, 600), st.data())
def test_every_proof_is_accepted_and_every_change_to_it_is_not(size: int, data: st.DataObject) -> None:
    leaves = hashes(size)
    nodes = nodes_in(Grown(leaves, random.Random(size)).tile)
    root = root_by_definition(leaves)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    path = inclusion_path(nodes, index, size)
    assert is_included(leaves[index], index, size, path, root)
    assert not is_included(leaf_hash(b"another"), index, size, path, root)
    assert not is_included(leaves[index], index + 1, size, path, root)
    assert not is_included(leaves[index], index, size, [*path, root], root)
    assert not is_included(leaves[index], index, size, path[:-1], root) or not path
    older = root_by_definition(leaves[:old])
    between = consistency_path(nodes, old, size)
    assert is_consistent(old, size, older, root, between)
    assert not is_consistent(old, size, leaf_hash(b""), root, between)
    assert not is_consistent(old, size, older, leaf_hash(b""), between)
    assert not is_consistent(old, size, older, root, [*between, root])
    if between:
        assert not is_consistent(old, size, older, root, between[:-1])
        spot = data.draw(st.integers(0, len(between) - 1))
        spoilt = [*between[:spot], leaf_hash(b"x"), *between[spot + 1 :]]
        assert not is_consistent(old, size, older, root, spoilt)


def test_no_proof_is_made_of_what_is_not_there() -> None:
    nodes = nodes_in(Grown(hashes(5), random.Random(1)).tile)
    for index, size in ((5, 5), (-1, 5)):
        with pytest.raises(ValueError, match="has none at"):
            inclusion_path(nodes, index, size)
    with pytest.raises(ValueError, match="is the beginning of"):
        consistency_path(nodes, 6, 5)
    with pytest.raises(TileMissingError):
        inclusion_path(nodes, 4, 6)


def test_tiles_are_named_as_tlog_tiles_has_it() -> None:
    assert tile_name(0, 1_234_067) == "tile/0/x001/x234/067"
    assert (tile_name(0, 5), tile_name(2, 1000)) == ("tile/0/005", "tile/2/x001/000")
