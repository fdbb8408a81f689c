"""Signed notes: the examples of C2SP and of Go's own package, the vectors of RFC 8032, and what must not be believed."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.proof.merkle import EMPTY_ROOT
from ledger.proof.notes import (
    BadSignatureError,
    Checkpoint,
    KeyFormatError,
    NoteError,
    NotSignedError,
    PublicKey,
    SigningKey,
    open_note,
)

C2SP_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_TEXT = "This is an example message.\n"
C2SP_NOTE = (
    f"{C2SP_TEXT}\n\u2014 example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)

# golang.org/x/mod/sumdb/note, ExampleSign
GO_SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_NOTE = (
    f"{GO_TEXT}\n\u2014 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

# RFC 8032, 7.1: secret key, public key, message, signature
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
]

KEY = SigningKey("somebody", b"\x01" * 32)
NOTE = KEY.sign("a\ntext\n")


def test_the_example_of_c2sp_is_believed() -> None:
    assert open_note(C2SP_NOTE, [PublicKey.parse(C2SP_KEY)]) == C2SP_TEXT
    assert str(PublicKey.parse(C2SP_KEY)) == C2SP_KEY


def test_the_example_of_go_is_made_byte_by_byte() -> None:
    key = SigningKey.parse(GO_SECRET)
    assert str(key.public) == GO_KEY
    assert key.secret() == GO_SECRET
    assert key.sign(GO_TEXT) == GO_NOTE


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032)
def test_signatures_are_those_of_rfc_8032(seed: str, public: str, message: str, signature: str) -> None:
    key = SigningKey("vectors", bytes.fromhex(seed))
    text = bytes.fromhex(message).decode()
    assert key.public.key.hex() == public
    signed = base64.b64decode(key.sign(text).rsplit(" ", 1)[1])
    assert (signed[:4], signed[4:].hex()) == (key.public.key_id, signature)
    assert key.public.has_signed(text, bytes.fromhex(signature))


@settings(max_examples=40)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_was_signed_is_opened(text: str) -> None:
    assert open_note(KEY.sign(f"{text}\n"), [KEY.public]) == f"{text}\n"


def test_signatures_of_strangers_are_not_looked_at() -> None:
    stranger = SigningKey("stranger", b"\x03" * 32)
    line = stranger.sign("something else\n").rpartition("\n\n")[2]
    assert open_note(NOTE + line, [KEY.public]) == "a\ntext\n"
    with pytest.raises(NotSignedError):
        open_note(NOTE, [stranger.public])
    with pytest.raises(BadSignatureError):
        open_note(NOTE + line, [KEY.public, stranger.public])


@pytest.mark.parametrize("note", [NOTE.replace("text", "test"), NOTE.replace("\n\n", "\n\n\n", 1)])
def test_a_text_that_was_changed_is_not_believed(note: str) -> None:
    with pytest.raises(BadSignatureError):
        open_note(note, [KEY.public])


@pytest.mark.parametrize(
    "note",
    [
        "",
        "a\ntext\n",
        "a\n\n",
        NOTE[:-1],
        NOTE.replace("\u2014", "-"),
        NOTE.replace("=", "!"),
        f"{NOTE}more\n",
        "a\n\n\u2014 x AAAA\n",
    ],
)
def test_what_is_no_signed_note_is_refused(note: str) -> None:
    with pytest.raises(NoteError):
        open_note(note, [KEY.public])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2Qc=",
        "PeterNeumann+c74f20a3+nobase64",
    ],
)
def test_what_is_no_key_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(KeyFormatError):
        PublicKey.parse(text)
    with pytest.raises(KeyFormatError) as refused:
        SigningKey.parse(f"PRIVATE+KEY+{text}")
    assert "ARpc2Qc" not in str(refused.value)
    with pytest.raises(KeyFormatError):
        SigningKey.parse(text)


def test_a_new_key_is_its_own_and_keeps_its_secret() -> None:
    key, another = SigningKey.generate("ledger.example"), SigningKey.generate("ledger.example")
    assert key != another
    assert SigningKey.parse(key.secret()) == key
    assert key.seed.hex() not in repr(key)
    assert repr(key.seed) not in repr(key)
    for name in ("", "two words", "a+b"):
        with pytest.raises(KeyFormatError):
            SigningKey.generate(name)


def test_a_checkpoint_has_the_lines_of_tlog_checkpoint() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    checkpoint = Checkpoint.parse(text)
    assert (checkpoint.origin, checkpoint.size, checkpoint.text) == ("example.com/behind-the-sofa", 20_852_163, text)
    assert Checkpoint.parse(f"{text}an extension\n") == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\n1\n",
        "a\n01\n{root}\n",
        "a\n-1\n{root}\n",
        "a\n1_0\n{root}\n",
        "a\n\u0663\n{root}\n",
        "\n1\n{root}\n",
        "a\n1\nAAAA\n",
        "a\n1\n{root}",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        Checkpoint.parse(text.format(root=base64.b64encode(EMPTY_ROOT).decode()))
