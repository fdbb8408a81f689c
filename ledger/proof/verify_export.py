"""Verify an export of the ledger by yourself: this one file, Python, and the library `cryptography`. No database, no network.

    python verify_export.py EXPORT.ndjson CHECKPOINT... --public-key KEY  every event of an export, from the first
    python verify_export.py --proof PROOF.json --public-key KEY           one event        (GET /audit/proof/37)
    python verify_export.py --consistency PROOF.json --public-key KEY     two checkpoints  (GET /audit/checkpoint/consistency)

EXPORT has one event a line, as canonical JSON (RFC 8785), in the order of the log from position 1. CHECKPOINT is a signed note
(C2SP signed-note and tlog-checkpoint); of several, the export has to begin with each.
KEY is the log's public key, `name+id+key`: have it from somewhere else than the export.

What it proves: the holder of the key has signed a tree (RFC 9162, 2.1) whose leaves are exactly these lines, in this order. Exits
with 0 if that holds, with 1 if it does not, with 2 if it was asked wrongly.
"""

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

__all__ = ["NotProven", "check_consistency", "check_export", "check_inclusion"]

LARGEST_INTEGER = 2**53 - 1


class NotProven(Exception):
    """The message says what does not hold."""


# --- the tree (RFC 9162, 2.1) ---


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """The root of a growing list, with one hash for each complete subtree in memory."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        peak, size = leaf, self.size
        while size % 2:
            peak, size = node_hash(self._peaks.pop(), peak), size // 2
        self._peaks.append(peak)
        self.size += 1

    def root(self) -> bytes:
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root


def root_from_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Which root follows from a leaf at an index (from 0) and its path, in a tree of this size (2.1.3)."""
    if size == 1 or not path:
        if size != 1 or path:
            raise NotProven("the path is too long or too short")
        return leaf
    half = 1 << ((size - 1).bit_length() - 1)
    if index < half:
        return node_hash(root_from_path(leaf, index, half, path[:-1]), path[-1])
    return node_hash(path[-1], root_from_path(leaf, index - half, size - half, path[:-1]))


def roots_from_path(old: int, size: int, path: list[bytes], old_root: bytes) -> tuple[bytes, bytes]:
    """Which roots of an older and a newer tree follow from a path between them (2.1.4). Takes from the end of the path.

    `old_root` is used where the older tree is a node of the newer one, and so is not repeated in the path.
    """

    def walk(old: int, size: int, *, is_whole: bool) -> tuple[bytes, bytes]:
        if old == size:
            known = old_root if is_whole else taken()
            return known, known
        half = 1 << ((size - 1).bit_length() - 1)
        other = taken()
        if old <= half:
            before, after = walk(old, half, is_whole=is_whole)
            return before, node_hash(after, other)
        before, after = walk(old - half, size - half, is_whole=False)
        return node_hash(other, before), node_hash(other, after)

    def taken() -> bytes:
        if not path:
            raise NotProven("the path is too short")
        return path.pop()

    found = walk(old, size, is_whole=True)
    if path:
        raise NotProven("the path is too long")
    return found


# --- the signed note (C2SP signed-note, tlog-checkpoint) ---


def open_checkpoint(note: str, public_keys: Iterable[str]) -> tuple[int, bytes]:
    """Size and root of a checkpoint that one of these keys has signed."""
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    lines = text.split("\n")
    if len(lines) < 4 or not lines[1].isdecimal():
        raise NotProven("the checkpoint has not the form of one")
    signers = [key for key in public_keys if _has_signed(key, text, signatures)]
    if signers and not any(key.strip().split("+", 1)[0] == lines[0] for key in signers):
        raise NotProven("the checkpoint is that of another log than the key's")
    if not signers:
        raise NotProven("the checkpoint is not signed with this key")
    return int(lines[1]), base64.b64decode(lines[2])


def _has_signed(public_key: str, text: str, signatures: str) -> bool:
    name, key_id, encoded = public_key.strip().split("+", 2)
    key = base64.b64decode(encoded)
    if key[:1] != b"\x01" or hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex() != key_id:
        raise NotProven("the public key is none of Ed25519, or is damaged")
    for line in signatures.splitlines():
        dash, signer, signature = line.split(" ", 2)
        raw = base64.b64decode(signature)
        if (dash, signer, raw[:4].hex()) == ("\u2014", name, key_id):
            try:
                Ed25519PublicKey.from_public_bytes(key[1:]).verify(raw[4:], text.encode())
            except InvalidSignature:
                raise NotProven("the checkpoint's signature does not fit: it was changed after it was signed") from None
            return True
    return False


# --- the events (RFC 8785) ---


def canonical(document: Any) -> bytes:
    """RFC 8785 of what events hold: no fractions, no large integers, names in ASCII. Raises NotProven for anything else."""
    _check(document)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _check(value: Any) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            if not name.isascii():
                raise NotProven(f"the name {name!r} is not ASCII")
            _check(inner)
    elif isinstance(value, list):
        for inner in value:
            _check(inner)
    elif isinstance(value, float) or (isinstance(value, int) and abs(value) > LARGEST_INTEGER):
        raise NotProven(f"{value!r} is no number of an event")


def check_export(lines: Iterable[bytes], checkpoints: Sequence[str], public_keys: Sequence[str]) -> tuple[int, int]:
    """How many events the largest checkpoint proves, and how many more the export has. Raises NotProven."""
    signed = sorted(open_checkpoint(checkpoint, public_keys) for checkpoint in checkpoints)
    size = signed[-1][0]
    tree, position = Tree(), 0
    _check_roots(tree, signed)
    for position, line in enumerate(lines, start=1):
        entry = line.removesuffix(b"\n")
        try:
            event = json.loads(entry)
        except ValueError:
            raise NotProven(f"line {position} is not JSON") from None
        if canonical(event) != entry:
            raise NotProven(f"line {position} is not canonical JSON")
        if event.get("position") != position:
            raise NotProven(
                f"line {position} holds position {event.get('position')}: one is missing, or in another place"
            )
        if position <= size:
            tree.add(leaf_hash(entry))
            _check_roots(tree, signed)
    if tree.size < size:
        raise NotProven(f"the export ends at position {tree.size}, and {size} events were sealed")
    return size, position - size


def _check_roots(tree: Tree, signed: list[tuple[int, bytes]]) -> None:
    """Against the checkpoints of the tree's size, which are taken off the list; the smallest is the first."""
    while signed and signed[0][0] == tree.size:
        size, root = signed.pop(0)
        if tree.root() != root:
            raise NotProven(f"the first {size} events do not come to the root that was signed: at least one is another")


def check_inclusion(proof: dict[str, Any], public_keys: Sequence[str]) -> int:
    """The position that is proven. Raises NotProven."""
    size, root = open_checkpoint(proof["checkpoint"], public_keys)
    position = proof["position"]
    entry = proof["leaf"].encode()
    event = json.loads(entry)
    if canonical(event) != entry or event["position"] != position or not 1 <= position <= size:
        raise NotProven("the event is not canonical JSON, or not the one at this position")
    path = [base64.b64decode(each) for each in proof["path"]]
    if root_from_path(leaf_hash(entry), position - 1, size, path) != root:
        raise NotProven(f"the event at position {position} does not lead to the root that was signed")
    return int(position)


def check_consistency(proof: dict[str, Any], public_keys: Sequence[str]) -> tuple[int, int]:
    """The sizes of the two checkpoints, of which the first is the beginning of the second. Raises NotProven."""
    old_size, old_root = open_checkpoint(proof["from_checkpoint"], public_keys)
    size, root = open_checkpoint(proof["to_checkpoint"], public_keys)
    if not 0 < old_size <= size:
        raise NotProven(f"a checkpoint over {old_size} events is not the beginning of one over {size}")
    path = [base64.b64decode(each) for each in proof["path"]]
    if roots_from_path(old_size, size, path, old_root) != (old_root, root):
        raise NotProven(f"the tree over {old_size} events is not the beginning of that over {size}")
    return old_size, size


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", nargs="?", help="one event a line")
    parser.add_argument("checkpoint", nargs="*", help="a signed note; may be repeated")
    parser.add_argument("--public-key", action="append", required=True, help="name+id+key; may be repeated")
    parser.add_argument("--proof", help="an inclusion proof in JSON")
    parser.add_argument("--consistency", help="a consistency proof in JSON")
    asked = parser.parse_args(arguments)
    try:
        said = _carry_out(asked, parser)
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}")
    except NotProven as error:
        sys.stdout.write(f"NOT PROVEN: {error}\n")
        return 1
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        sys.stdout.write(f"NOT PROVEN: it has not the form that it should have ({type(error).__name__}: {error})\n")
        return 1
    sys.stdout.write(f"proven: {said}\n")
    return 0


def _carry_out(asked: argparse.Namespace, parser: argparse.ArgumentParser) -> str:
    if asked.proof:
        position = check_inclusion(json.loads(Path(asked.proof).read_bytes()), asked.public_key)
        return f"the event at position {position} is part of the log that was signed"
    if asked.consistency:
        sizes = check_consistency(json.loads(Path(asked.consistency).read_bytes()), asked.public_key)
        return "the log over {} events is the beginning of that over {}".format(*sizes)
    if not asked.export or not asked.checkpoint:
        parser.error("EXPORT and CHECKPOINT, or --proof, or --consistency")
    with Path(asked.export).open("rb") as lines:
        notes = [Path(each).read_text(encoding="utf-8") for each in asked.checkpoint]
        size, more = check_export(lines, notes, asked.public_key)
    return f"positions 1 to {size} are exactly what was signed" + (
        f"; {more} later ones are not sealed by it" * bool(more)
    )


if __name__ == "__main__":
    raise SystemExit(main())
