"""The house rules that no linter knows, kept by a test instead of by memory (after TigerBeetle's `tidy`)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("ledger", "projections", "api", "migrations", "sandbox")
CODE = (*PACKAGES, "tests", "benchmarks")
FOLDERS = (*CODE, "docs", "requirements", ".ci")
TEXT = {"", ".css", ".html", ".js", ".md", ".py", ".sh", ".sql", ".toml", ".txt", ".yaml"}

NAMES_THAT_SAY_NOTHING = {"base", "common", "helper", "helpers", "manager", "misc", "service", "util", "utils"}
LONGEST_FILE_LINES = 400
LONGEST_FUNCTION_LINES = 70
LONGEST_SQL_COLUMNS = 140  # ruff holds Python to 120

# What is not pure in `ledger`: the log, and those who carry decisions out.
IMPURE_FILES = {"batching.py", "durable_file.py", "event_log.py", "ingestion.py", "named_queries.py", "people.py"}
IMPURE_FILES |= {
    f"payouts/{name}.py"
    for name in (
        "breaker",
        "calls",
        "credentials",
        "deciding",
        "notices",
        "pace",
        "process",
        "recording",
        "reversals",
        "review",
        "search",
        "situation",
        "stripe_gateway",
        "stripe_transport",
        "todo",
        "watch",
        "worker",
    )
}
IMPURE_FILES |= {
    f"proof/{name}.py"
    for name in (
        "guards",
        "outside",
        "publishing",
        "rehashing",
        "seal_role",
        "seal_store",
        "sealer",
        "seals",
        "verify_export",
    )
}
IMPURE_FOLDERS = {"store"}
IMPURE_IMPORTS = {"asyncio", "os", "random", "secrets", "socket", "subprocess", "threading", "time", "uuid_utils"}
IMPURE_CALLS = {"input", "now", "open", "print", "today", "utcnow", "uuid1", "uuid4", "uuid7"}

# Put together here, so that this file does not name them either.
REGISTRY_HOSTS = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"))]


def text_files(*folders: str) -> Iterator[Path]:
    """The text files of some folders; of the whole project if none is named. Environment and caches are left out."""
    for folder in folders or FOLDERS:
        yield from (path for path in sorted((ROOT / folder).rglob("*")) if is_text(path))
    if not folders:
        yield from (path for path in sorted(ROOT.iterdir()) if is_text(path))


def is_text(path: Path) -> bool:
    return path.is_file() and path.suffix in TEXT and path.name != ".env" and "__pycache__" not in path.parts


def syntax(*folders: str) -> Iterator[tuple[str, ast.AST]]:
    """Every node of every Python file, with where it is."""
    for path in text_files(*folders):
        if path.suffix == ".py":
            for node in ast.walk(ast.parse(path.read_text())):
                yield f"{name_of(path)}:{getattr(node, 'lineno', 1)}", node


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_names_say_what_is_in_a_file() -> None:
    names = [path for path in text_files(*CODE) if path.suffix in {".py", ".sql"}]
    assert [name_of(path) for path in names if NAMES_THAT_SAY_NOTHING & set(path.stem.lower().split("_"))] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_what_lives_there(package: str) -> None:
    folders = {path.parent for path in text_files(package) if path.suffix == ".py" and "versions" not in path.parts}
    assert folders
    assert [name_of(folder) for folder in folders if not docstring(folder / "__init__.py")] == []


def docstring(path: Path) -> str | None:
    return ast.get_docstring(ast.parse(path.read_text())) if path.exists() else None


def test_files_stay_readable() -> None:
    written = [path for path in text_files(*CODE, ".ci") if path.suffix != ".txt"]
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in written}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE_LINES} == {}


def test_functions_fit_on_a_screen() -> None:
    lengths = {
        f"{place} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for place, node in syntax(*CODE)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION_LINES} == {}


def test_text_is_clean() -> None:
    """Unix line ends, one newline at the end, no tabs, no blanks at the end of a line."""
    texts = {name_of(path): path.read_text() for path in text_files() if path.name != "LICENSE"}
    assert [name for name, text in texts.items() if text and not re.search(r"[^\n]\n\Z", text)] == []
    assert [name for name, text in texts.items() if re.search(r"[ \t]$|\t|\r", text, re.MULTILINE)] == []


def test_sql_fits_on_a_screen() -> None:
    wide = [
        f"{name_of(path)}:{number}"
        for path in text_files(*CODE)
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if path.suffix == ".sql" and len(line) > LONGEST_SQL_COLUMNS
    ]
    assert wide == []


def is_pure(place: str) -> bool:
    name = place.removeprefix("ledger/").split(":")[0]
    return name not in IMPURE_FILES and name.split("/")[0] not in IMPURE_FOLDERS


def impurity(node: ast.AST) -> str | None:
    match node:
        case ast.Import(names=names) if any(alias.name.split(".")[0] in IMPURE_IMPORTS for alias in names):
            return ast.unparse(node)
        case ast.ImportFrom(module=str(module)) if module.split(".")[0] in IMPURE_IMPORTS:
            return ast.unparse(node)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in IMPURE_CALLS:
            return ast.unparse(node)
    return None


def test_decisions_are_pure() -> None:
    """No clock, no id generator, no environment, no I/O: what a decision needs, it is given."""
    places = [(place, node) for place, node in syntax("ledger") if is_pure(place)]
    assert places
    assert [f"{place}: {what}" for place, node in places if (what := impurity(node))] == []


def test_money_is_never_a_float() -> None:
    floats = []
    for place, node in syntax(*PACKAGES):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                pass
            case ast.arg(arg=name, annotation=ast.expr() as annotation):
                pass
            case _:
                continue
        if name.endswith(("_minor", "_cents", "amount")) and "float" in ast.unparse(annotation):
            floats.append(f"{place}: {name}")
    assert floats == []


def test_tests_run_on_the_real_parts() -> None:
    imports = [(place, node) for place, node in syntax("tests") if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [place for place, node in imports if re.search(r"\bmock\b", ast.unparse(node))] == []


def test_nothing_names_a_package_registry() -> None:
    """The packages come from wherever the user's pip or uv is told to look."""
    assert [name_of(path) for path in text_files() if any(host in path.read_text() for host in REGISTRY_HOSTS)] == []


def test_links_in_the_documentation_lead_somewhere() -> None:
    links = [
        (path, link)
        for path in text_files()
        if path.suffix == ".md"
        for link in re.findall(r"\]\(([^)#\s]+)", path.read_text())
        if "://" not in link
    ]
    assert [f"{name_of(path)}: {link}" for path, link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("script", ["run", ".ci/run", "requirements/compile"])
def test_scripts_can_be_executed(script: str) -> None:
    assert (ROOT / script).stat().st_mode & 0o111 == 0o111
