"""CSV files that somebody exported, and what may have happened to them since. Every problem is told with its line.

BadFileError   the file is not taken, with all of its problems up to a bound; nothing of it is used
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ledger.reconciliation.amounts import AmountError, looks_like_formula, minor_units
from ledger.reconciliation.scope import YEARS

MOST_PROBLEMS = 100
MOST_COLUMNS = 500
BOM = b"\xef\xbb\xbf"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
MOST_IN_ALL_MINOR = 2**52
"""Of all amounts of a file, without their signs: then every sum of a run fits into its event."""

NEVER = datetime.min.replace(tzinfo=UTC)
AS_EXPORTED = "export the file again, and do not open and save it in between"

_CURRENCY = re.compile(r"[A-Za-z]{3}")


@dataclass(frozen=True, slots=True)
class FileProblem:
    """`line` counts from 1, the header's; None if the whole file is meant."""

    line: int | None
    column: str | None
    problem: str
    remedy: str

    @property
    def place(self) -> str:
        parts = [f"line {self.line}" if self.line is not None else "the file", self.column]
        return ", ".join(part for part in parts if part)

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}; {self.remedy}"


class BadFileError(Exception):
    """`name`: what the file is. `more`: there are further problems that were not looked for."""

    def __init__(self, name: str, problems: Sequence[FileProblem], *, more: bool = False) -> None:
        super().__init__(f"{name}: {problems[0]}")
        self.name = name
        self.problems = tuple(problems)
        self.more = more


@dataclass
class Problems:
    """Collects what is wrong with one file."""

    name: str
    found: list[FileProblem] = field(default_factory=list)

    def add(self, line: int | None, column: str | None, problem: str, remedy: str) -> None:
        """Raises BadFileError once there are too many to be worth reading."""
        self.found.append(FileProblem(line, column, problem, remedy))
        if len(self.found) >= MOST_PROBLEMS:
            raise BadFileError(self.name, self.found, more=True)

    def stop(self, line: int | None, column: str | None, problem: str, remedy: str) -> BadFileError:
        """Nothing further can be read: the error to raise."""
        self.found.append(FileProblem(line, column, problem, remedy))
        return BadFileError(self.name, self.found)

    def done(self) -> None:
        """Raises BadFileError if there is any."""
        if self.found:
            raise BadFileError(self.name, self.found)


@dataclass
class CsvFile:
    """`columns`: the place of each name in a row. `rows()` yields line numbers and cells, as many as there are columns."""

    columns: dict[str, int]
    problems: Problems
    _rows: Iterator[tuple[int, list[str]]]
    _in_all_minor: int = 0

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        width = len(self.columns)
        for number, row in self._rows:
            if len(row) == width:
                yield number, row
            elif row:
                said = f"{len(row)} fields, where the header has {width}"
                self.problems.add(number, None, said, f"the file was cut or edited: {AS_EXPORTED}")

    def require(self, names: Sequence[str]) -> None:
        """Raises BadFileError that names every missing column."""
        missing = [name for name in names if name not in self.columns]
        if missing:
            remedy = f"choose these columns when you export it; there are: {', '.join(self.columns)[:500]}"
            raise self.problems.stop(1, None, f"missing columns: {', '.join(missing)}", remedy)

    def amount(self, number: int, column: str, cell: str, places: int) -> int:
        """Minor units; 0 after telling the problem."""
        try:
            minor = minor_units(cell, places)
        except AmountError as error:
            self.problems.add(number, column, error.problem, error.remedy)
            return 0
        self._in_all_minor += abs(minor)
        if self._in_all_minor > MOST_IN_ALL_MINOR:
            said = f"the amounts up to here come to more than {MOST_IN_ALL_MINOR} minor units"
            raise self.problems.stop(number, column, said, "export a shorter range")
        return minor

    def moment(self, number: int, column: str, cell: str) -> datetime:
        """`2026-07-01 12:00:00`, in UTC unless it says otherwise, or a day; the beginning of time after telling the problem."""
        try:
            at = _in_utc(cell)
        except (ValueError, OverflowError):
            said = f"{cell[:40]!r} is not a time like 2026-07-01 12:00:00"
            self.problems.add(number, column, said, "a spreadsheet rewrites times: export the file again")
            return NEVER
        if at.year not in YEARS:
            said = f"{cell[:40]!r} is not in the years {YEARS[0]} to {YEARS[-1]}"
            self.problems.add(number, column, said, "a spreadsheet rewrites times: export the file again")
        return at

    def is_in(self, currency: str, number: int, column: str, cell: str, *, others_left_out: bool) -> bool:
        """Whether a line is in the currency that is asked for. One that is not is left out, or else a problem."""
        if cell.lower() == currency:
            return True
        if not (others_left_out and _CURRENCY.fullmatch(cell)):
            said = f"{cell[:40]!r} is not {currency}, the currency of the program"
            self.problems.add(number, column, said, f"export {currency} alone, or say --currency {currency}")
        return False

    def check_text(self, number: int, column: str, cell: str) -> None:
        if looks_like_formula(cell):
            remedy = "a spreadsheet would run it: export the file again, or mend the text where it was written"
            self.problems.add(number, column, f"{cell[:40]!r} is a formula", remedy)


def read_csv(content: bytes, name: str, delimiters: str = ",") -> CsvFile:
    """The header, and rows to come. Of several delimiters the one counts that occurs most in the first line.

    Raises BadFileError for what makes the whole file unreadable.
    """
    problems = Problems(name)
    text = _decoded(content, problems)
    first_line = text.partition("\n")[0]
    delimiter = max(delimiters, key=first_line.count)
    rows = _rows(text, delimiter, problems)
    _, header = next(rows, (0, []))
    names = [cell.strip() for cell in header]
    if not any(names):
        raise problems.stop(None, None, "it is empty", "a file without lines still has a header: export it again")
    if len(names) > MOST_COLUMNS:
        said = f"it has {len(names)} columns, more than {MOST_COLUMNS}"
        raise problems.stop(1, None, said, "choose the columns that are needed when you export it")
    for twice in sorted(each for each, times in Counter(names).items() if times > 1):
        problems.add(1, twice or "(no name)", "two columns have this name", "export it with each column once")
    problems.done()
    return CsvFile({each: place for place, each in enumerate(names)}, problems, rows)


def _in_utc(cell: str) -> datetime:
    """Nearly all have the report's own shape, without an offset: parsed with UTC's behind it, such a time takes a fifth of what
    it takes to parse it alone and to put UTC in. Behind any other text an offset might change what is read as its digits.

    Raises ValueError, OverflowError.
    """
    if len(cell) == len("2026-07-01 12:00:00") and cell[10] == " " and cell[13] == cell[16] == ":":
        return datetime.fromisoformat(f"{cell}+00:00")
    at = datetime.fromisoformat(cell)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _rows(text: str, delimiter: str, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 1
    try:
        for row in reader:
            yield number, row
            number = reader.line_num + 1
    except csv.Error as error:
        said = {"unexpected end of data": "a quote is opened and never closed"}.get(str(error), str(error))
        raise problems.stop(number, None, said, f"the rest was not read: {AS_EXPORTED}") from None


def _decoded(content: bytes, problems: Problems) -> str:
    if not content.strip(b"\r\n\t \x00"):
        raise problems.stop(None, None, "it is empty", "a file without lines still has a header: export it again")
    if content.startswith(UTF_16):
        raise problems.stop(1, None, "byte 0: it is in UTF-16", "save it as UTF-8")
    if b"\0" in content:
        line = content.count(b"\n", 0, content.index(b"\0")) + 1
        raise problems.stop(line, None, "it holds a NUL byte", f"the file was damaged: {AS_EXPORTED}")
    start = len(BOM) if content.startswith(BOM) else 0
    try:
        return content[start:].decode("utf-8")
    except UnicodeDecodeError as error:
        offset = start + error.start
        line = content.count(b"\n", 0, offset) + 1
        said = f"byte {offset} of the file (0x{content[offset]:02x}) is not UTF-8"
        raise problems.stop(line, None, said, "save it as UTF-8, with or without a byte order mark") from None
