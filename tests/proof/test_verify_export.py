"""The verifier that stands alone: one file, copied out, run by itself, believing nothing but a key."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.proof import verify_export
from ledger.proof.canonical import canonical_event
from ledger.proof.notes import Checkpoint
from ledger.proof.verify_export import NotProven, Tree, check_export
from tests.proof.sealed_log import ANOTHER_KEY, KEY, SealedLog

KEYS = [str(KEY.public)]


@pytest.fixture(scope="module")
def lines(history: SealedLog) -> list[bytes]:
    """An export: the canonical JSON of each event on a line."""
    return [canonical_event(recorded) + b"\n" for recorded in history.recorder.read()]


@pytest.fixture(scope="module")
def note(history: SealedLog) -> str:
    seal = history.seals.at_size(576)
    assert seal is not None
    return seal.note


def test_it_imports_nothing_but_python_and_the_cryptography() -> None:
    tree = ast.parse(Path(verify_export.__file__).read_text())
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    roots = {name.split(".")[0] for name in imported}
    assert roots - set(sys.stdlib_module_names) == {"cryptography"}


def test_it_proves_an_export_by_itself(tmp_path: Path, lines: list[bytes], note: str) -> None:
    script = tmp_path / "verify_export.py"
    script.write_bytes(Path(verify_export.__file__).read_bytes())
    (tmp_path / "events.ndjson").write_bytes(b"".join(lines))
    (tmp_path / "checkpoint").write_text(note, encoding="utf-8")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", str(script), *arguments]
        return subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)

    done = run("events.ndjson", "checkpoint", "--public-key", *KEYS)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "proven: positions 1 to 576 are exactly what was signed; 24 later ones are not sealed by it\n"
    done = run("events.ndjson", "checkpoint", "--public-key", str(ANOTHER_KEY.public))
    assert (done.returncode, done.stdout) == (1, "NOT PROVEN: the checkpoint is not signed with this key\n")
    assert run("events.ndjson", "--public-key", *KEYS).returncode == 2


def test_a_checkpoint_over_all_of_it_leaves_nothing_open(history: SealedLog, lines: list[bytes]) -> None:
    assert check_export(lines, [history.seal().note], KEYS) == (600, 0)


@pytest.mark.parametrize(
    ("tampered", "said"),
    [
        (lambda it: [*it[:9], it[9].replace(b"5010", b"9999"), *it[10:]], "at least one is another"),
        (lambda it: [*it[:9], *it[10:]], "line 10 holds position 11"),
        (lambda it: it[:500], "ends at position 500, and 576 events were sealed"),
        (lambda it: [*it[:5], it[6], it[5], *it[7:]], "line 6 holds position 7"),
        (lambda it: [*it[:5], it[4], *it[5:]], "line 6 holds position 5"),
        (lambda it: [b" " + it[0], *it[1:]], "line 1 is not canonical JSON"),
        (lambda it: [*it[:3], b"{never mind\n", *it[4:]], "line 4 is not JSON"),
        (lambda it: [*it[:3], b'{"position":4,"x":1.5}\n', *it[4:]], "no number of an event"),
        (lambda it: [*it[:3], '{"position":4,"é":1}\n'.encode(), *it[4:]], "is not ASCII"),
        (lambda it: [], "ends at position 0"),
    ],
)  # fmt: skip
def test_whatever_was_done_to_an_export_is_said(lines: list[bytes], note: str, tampered: object, said: str) -> None:
    assert callable(tampered)
    with pytest.raises(NotProven, match=said):
        check_export(tampered(lines), [note], KEYS)


@pytest.mark.parametrize("line", ["[4]", "null", "[" * 5000 + "]" * 5000], ids=["a list", "nothing", "nested deeply"])
def test_a_line_that_is_no_event_at_all_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], note: str, line: str
) -> None:
    (tmp_path / "events").write_text(f"{line}\n")
    (tmp_path / "checkpoint").write_text(note, encoding="utf-8")
    asked = [str(tmp_path / "events"), str(tmp_path / "checkpoint"), "--public-key", *KEYS]
    assert verify_export.main(asked) == 1
    assert capsys.readouterr().out.startswith("NOT PROVEN: it has not the form that it should have")


@pytest.mark.parametrize("damage", [("576", "575"), ("\n\n", "\n"), ("tests", "other"), ("\u2014", "-")])
def test_a_checkpoint_that_was_changed_is_not_believed(lines: list[bytes], note: str, damage: tuple[str, str]) -> None:
    with pytest.raises((NotProven, ValueError)):
        check_export(lines, [note.replace(*damage)], KEYS)


def test_every_kept_checkpoint_has_to_be_the_beginning(history: SealedLog, lines: list[bytes], note: str) -> None:
    notes = [seal.note for seal in history.seals.after(0)]
    assert check_export(lines, notes, KEYS) == (600, 0)
    another = KEY.sign(Checkpoint(KEY.name, 20, history.root_at(15)).text)
    with pytest.raises(NotProven, match="the first 20 events do not come"):
        check_export(lines, [note, another], KEYS)


def test_its_tree_is_the_ledgers(history: SealedLog, lines: list[bytes]) -> None:
    """Two ways to grow a tree that share no line of code."""
    tree = Tree()
    for seal in history.seals.after(0):
        for line in lines[tree.size : seal.size]:
            tree.add(verify_export.leaf_hash(line.rstrip(b"\n")))
        assert tree.root() == seal.root
