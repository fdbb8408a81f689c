"""`ledger verify`: the log against its seals."""

import base64
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import typer
from rich.text import Text

from api import composition
from api.cli import databases, screen, structured_log
from api.cli.errors import FOUND_WRONG, UsageProblem
from api.settings import Settings
from ledger.proof.notes import Checkpoint, NoteError, PublicKey
from ledger.proof.seal_store import SealStore
from ledger.proof.trusted import signed_checkpoint
from ledger.proof.verification import Verdict, verify

__all__ = ["run"]

LONGEST_NOTE = 64 * 1024

PROCESSES = min(2, os.cpu_count() or 1)  # the database does as much work as two of them


def run(public_keys: Sequence[str], store_address: str | None, kept_files: Sequence[Path], *, as_json: bool) -> None:
    structured_log.keep_quiet()
    settings = composition.completed(Settings())
    keys = _keys(settings, public_keys)
    kept = [_kept(path, keys) for path in kept_files]
    started = time.monotonic()
    with (
        databases.history(settings) as (url, _),
        composition.services(settings, url, "verify", pool_size=2) as services,
        screen.progress("Hashing every event again") as meter,
    ):
        store = SealStore(store_address) if store_address is not None else composition.seal_store(settings, url)
        verdict = verify(url, services.seals, store, keys, composition.now(), meter.at, PROCESSES, kept)
    seconds = time.monotonic() - started
    if as_json:
        options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        sys.stdout.buffer.write(orjson.dumps(_document(verdict, keys, store, seconds), option=options))
    else:
        _show(verdict, keys, store, seconds)
    if not verdict.holds:
        raise typer.Exit(FOUND_WRONG)


def _keys(settings: Settings, given: Sequence[str]) -> list[PublicKey]:
    """Whose seals are believed: those named, else our own. Raises UsageProblem."""
    if given:
        try:
            return [PublicKey.parse(text) for text in given]
        except NoteError as error:
            raise UsageProblem(f"--public-key: {error}") from None
    key = composition.signing_key(settings)
    if key is None:
        raise UsageProblem(
            "nothing is sealed here: LEDGER_SEAL_KEY is not set (`ledger seal-key` makes one); "
            "to verify what was sealed elsewhere, give --public-key"
        )
    return [key.public]


def _kept(path: Path, keys: Sequence[PublicKey]) -> Checkpoint:
    """A signed note, as it was published. Raises UsageProblem."""
    try:
        with path.open("rb") as file:
            note = file.read(LONGEST_NOTE + 1)
    except OSError as error:
        raise UsageProblem(f"--checkpoint {path}: {error.strerror}") from None
    if len(note) > LONGEST_NOTE:
        raise UsageProblem(f"--checkpoint {path}: this is no checkpoint, it is longer than {LONGEST_NOTE} bytes")
    try:
        return signed_checkpoint(note.decode(errors="replace"), keys)
    except NoteError as error:
        raise UsageProblem(f"--checkpoint {path}: {error}") from None


def _show(verdict: Verdict, keys: Sequence[PublicKey], store: SealStore | None, seconds: float) -> None:
    for key in keys:
        screen.out.print(Text(f"Signed by     {key}"), soft_wrap=True)
    where = (
        store.address
        if store is not None
        else "nowhere: LEDGER_SEAL_STORE is not set, so this database speaks for itself"
    )
    screen.out.print(Text(f"Kept outside  {where}"), soft_wrap=True)
    if verdict.root is not None:
        root = base64.b64encode(verdict.root).decode()
        screen.out.print(
            Text(f"Sealed        {verdict.sealed} events under {verdict.checkpoints} checkpoints, root {root}"),
            soft_wrap=True,
        )
    else:
        screen.out.print("Sealed        nothing yet: `ledger project` seals what is recorded")
    screen.out.print(f"Not sealed    {verdict.unsealed} event{'s' * (verdict.unsealed != 1)} since the last seal")
    if verdict.unpublished:
        screen.out.print(f"On their way  {verdict.unpublished} checkpoints are not in the store yet")
    screen.out.print()
    if verdict.holds:
        _show_that_it_holds(verdict, store, seconds)
        return
    for finding in verdict.findings:
        screen.out.print(Text("✗ ", "bold red").append(finding.what, "red").append(f" {finding.kind.meaning}", "dim"))
    if verdict.findings.left_out:
        screen.out.print(f"and {verdict.findings.left_out} more")


def _show_that_it_holds(verdict: Verdict, store: SealStore | None, seconds: float) -> None:
    """And what that is worth: without a seal, or with seals in this database only, it proves little."""
    if verdict.root is None:
        what = "Nothing is sealed, so nothing is proven yet."
    elif store is None:
        what = (
            f"{verdict.events} events are what this database says was sealed. Nothing outside it was looked at: "
            "whoever rules it can have deleted the newest events with their seals. Give --store."
        )
    else:
        what = f"{verdict.events} events: none changed, none missing, none added; every seal holds. {seconds:.1f} s"
        screen.out.print(Text("✓ ", "green").append(what, "default"))
        return
    screen.out.print(Text("! ", "bold yellow").append(what, "default"), soft_wrap=True)


def _document(verdict: Verdict, keys: Sequence[PublicKey], store: SealStore | None, seconds: float) -> dict[str, Any]:
    return {
        "holds": verdict.holds,
        "events": verdict.events,
        "sealed": verdict.sealed,
        "root": None if verdict.root is None else base64.b64encode(verdict.root).decode(),
        "checkpoints": verdict.checkpoints,
        "unpublished": verdict.unpublished,
        "unsealed": verdict.unsealed,
        "public_keys": [str(key) for key in keys],
        "kept_outside": store is not None,
        "store": None if store is None else store.address,
        "findings": [
            {
                "kind": finding.kind,
                "first_position": finding.first,
                "last_position": finding.last,
                "what": finding.what,
                "meaning": finding.kind.meaning,
            }
            for finding in verdict.findings
        ],
        "findings_left_out": verdict.findings.left_out,
        "seconds": round(seconds, 1),
    }
