"""`.env.example` says everything that can be set, and nothing else."""

import re
from pathlib import Path

import pytest

from api.settings import Settings

EXAMPLE = (Path(__file__).parents[1] / ".env.example").read_text()


def test_the_example_names_every_setting() -> None:
    assert sorted(re.findall(r"^#([A-Z_]+)=", EXAMPLE, re.MULTILINE)) == sorted(map(str.upper, Settings.model_fields))


def test_the_example_shows_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Uncommenting a line that shows a value, other than an address to replace, changes nothing."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    shown = re.sub(r"^#(?=[A-Z_]+=[^/]*$)", "", EXAMPLE, flags=re.MULTILINE)
    (tmp_path / ".env").write_text(shown)
    monkeypatch.chdir(tmp_path)
    with_example = Settings()
    (tmp_path / ".env").unlink()
    assert with_example == Settings()
