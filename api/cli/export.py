"""`ledger export`: events, journal or payouts to a file, or to standard output."""

import sys
from pathlib import Path

from api import composition
from api.cli import databases, screen, structured_log
from api.cli.caught_up import caught_up
from api.cli.errors import UsageProblem
from api.export.exports import Export, ExportError, open_export
from api.export.span import SpanError
from api.export.whole_file import FileInTheWayError, refuse_what_is_there, write_whole
from api.settings import Settings

__all__ = ["run"]


def run(what: str, written_as: str, begin: str | None, end: str | None, output: Path | None, *, force: bool) -> None:
    structured_log.keep_quiet()
    settings = Settings()
    try:
        if output is not None:
            if not output.resolve().parent.is_dir():
                raise UsageProblem(f"--output: there is no folder {output.parent}")
            refuse_what_is_there(output, overwrite=force)
        with databases.history(settings) as (url, _), caught_up(settings, url, "export") as services:
            if composition.is_sandbox(settings):
                screen.sandbox_note()
            export = open_export(services, what, written_as, begin, end)
            _write(export, output, by_day=any("-" in each for each in (begin, end) if each), force=force)
    except SpanError as error:
        raise UsageProblem(f"--{error}") from None
    except (ExportError, FileInTheWayError) as error:
        raise UsageProblem(str(error)) from None


def _write(export: Export, output: Path | None, *, by_day: bool, force: bool) -> None:
    if output is None and not export.format.is_text and sys.stdout.isatty():
        raise UsageProblem("this format is not for a terminal: name a file with --output, or send it through a pipe")
    span = export.span
    with screen.progress("Events", span.until - span.after) as meter:
        chunks = export.chunks(lambda position: meter.at(position - span.after))
        if output is not None:
            size = write_whole(output, chunks, overwrite=force)
        else:
            size = sum(sys.stdout.buffer.write(chunk) for chunk in chunks)
            sys.stdout.buffer.flush()
    stretch = (
        f"positions {span.after + 1} to {span.until}"
        if span.after < span.until
        else "nothing: no event was recorded between"
    )
    if by_day:
        stretch += ", by the day of recording (UTC)"
    screen.note(f"{export.what}, {stretch}: {size} bytes{f' in {output}' if output is not None else ''}")
