"""Signed notes and checkpoints, as C2SP specifies them (signed-note, tlog-checkpoint), with Ed25519.

    NoteError              the base: a note, a key or a checkpoint that is not as it has to be
    ├── KeyFormatError     not a key in the notes' own encoding
    ├── NotSignedError     no signature by a key that we were given
    └── BadSignatureError  a signature by such a key that does not fit the text

A checkpoint is a note of three lines: the origin (here always the name of the key), how many events the tree holds, its root.
"""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.proof.merkle import HASH_BYTES

__all__ = [
    "BadSignatureError",
    "Checkpoint",
    "KeyFormatError",
    "NotSignedError",
    "NoteError",
    "PublicKey",
    "SigningKey",
    "open_note",
]

ED25519 = b"\x01"
PRIVATE_KEY = "PRIVATE+KEY+"
KEY_NAME = re.compile(r"[^\s+]+")
SIGNATURE_LINE = re.compile(r"\u2014 (\S+) (\S+)")


class NoteError(ValueError):
    """The message says what is wrong. It never quotes a private key."""


class KeyFormatError(NoteError):
    """Not `name+id+key`."""


class NotSignedError(NoteError):
    """Nobody whom we know has signed it."""


class BadSignatureError(NoteError):
    """It names a key that we know, and was not signed with it: text or signature were changed."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What notes are verified with. `str()` gives the encoding of signed-note: `name+id+key`."""

    name: str
    key: bytes

    @classmethod
    def parse(cls, text: str) -> "PublicKey":
        """Raises KeyFormatError."""
        name, key = _parse_key(text.strip(), "a public key is name+id+key")
        public = cls(name, key)
        if text.strip().split("+")[1] != public.key_id.hex():
            raise KeyFormatError("the public key's id is not the one that follows from its name and key")
        return public

    @property
    def key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + ED25519 + self.key).digest()[:4]

    def has_signed(self, text: str, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(ED25519 + self.key).decode()}"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What notes are signed with. `secret()` gives the encoding that Go's `sumdb/note` and others read."""

    name: str
    seed: bytes = field(repr=False)

    @classmethod
    def generate(cls, name: str) -> "SigningKey":
        """Raises KeyFormatError for a name that no key can have."""
        if not KEY_NAME.fullmatch(name):
            raise KeyFormatError("a key's name is not empty, and has no blanks and no +")
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> "SigningKey":
        """Raises KeyFormatError."""
        if not text.strip().startswith(PRIVATE_KEY):
            raise KeyFormatError(f"a private key begins with {PRIVATE_KEY}; `ledger seal-key` makes one")
        encoded = text.strip().removeprefix(PRIVATE_KEY)
        key = cls(*_parse_key(encoded, f"a private key is {PRIVATE_KEY}name+id+key"))
        if encoded.split("+")[1] != key.public.key_id.hex():
            raise KeyFormatError("the private key's id is not the one that follows from its name and key")
        return key

    @property
    def public(self) -> PublicKey:
        return PublicKey(self.name, self._ed25519().public_key().public_bytes_raw())

    def secret(self) -> str:
        return f"{PRIVATE_KEY}{self.name}+{self.public.key_id.hex()}+{base64.b64encode(ED25519 + self.seed).decode()}"

    def sign(self, text: str) -> str:
        """The note: the text, an empty line, the signature. The same text always gives the same note (RFC 8032)."""
        signature = base64.b64encode(self.public.key_id + self._ed25519().sign(text.encode())).decode()
        return f"{text}\n\u2014 {self.name} {signature}\n"

    def _ed25519(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`size` events, in the order of the log from position 1, have this root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """From the text of a note; lines after the third are not looked at. Raises NoteError."""
        lines = text.split("\n")
        if len(lines) < 4 or not all(lines[:3]) or not re.fullmatch(r"0|[1-9]\d{0,18}", lines[1], re.ASCII):
            raise NoteError("a checkpoint has three lines: origin, size, root")
        root = _decoded(lines[2])
        if root is None or len(root) != HASH_BYTES:
            raise NoteError("the root of a checkpoint is 32 bytes in base64")
        return cls(lines[0], int(lines[1]), root)


def open_note(note: str, keys: Iterable[PublicKey]) -> str:
    """The text of a note that at least one of these keys has signed; signatures by others are ignored. Raises NoteError."""
    text, empty_line, signatures = note.rpartition("\n\n")
    lines = signatures.split("\n")
    if not empty_line or lines.pop() != "" or not lines:
        raise NoteError("a signed note is a text, an empty line, and signature lines")
    text += "\n"
    known = {(key.name, key.key_id): key for key in keys}
    is_signed = False
    for line in lines:
        found = SIGNATURE_LINE.fullmatch(line)
        signature = _decoded(found[2]) if found is not None else None
        if found is None or signature is None or len(signature) <= len(ED25519) + 4:
            raise NoteError(f"not a signature line: {line[:100]!r}")
        key = known.get((found[1], signature[:4]))
        if key is not None and not key.has_signed(text, signature[4:]):
            raise BadSignatureError(f"the signature of {key.name} ({key.key_id.hex()}) does not fit the text")
        is_signed = is_signed or key is not None
    if not is_signed:
        raise NotSignedError("it carries no signature by a key that is known here")
    return text


def _parse_key(text: str, form: str) -> tuple[str, bytes]:
    """The name and the 32 bytes of `name+id+key`."""
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    key = _decoded(encoded)
    if not KEY_NAME.fullmatch(name) or not re.fullmatch("[0-9a-f]{8}", key_id) or key is None:
        raise KeyFormatError(form)
    if key[:1] != ED25519 or len(key) != 1 + 32:
        raise KeyFormatError("only Ed25519 keys are known here")
    return name, key[1:]


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        return None
