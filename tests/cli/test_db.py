from pathlib import Path

import pytest
from typer.testing import CliRunner

from brainray.catalog.database import head_revision, open_database
from brainray.cli.db import app
from brainray.errors import CatalogError


def test_upgrade_makes_the_database_and_says_its_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "catalog.sqlite"
    monkeypatch.setenv("BRAINRAY_DATABASE_URL", f"sqlite:///{file}")
    result = CliRunner().invoke(app, ["upgrade"], catch_exceptions=False)
    assert result.exit_code == 0
    assert f"revision {head_revision()}" in result.stderr
    assert result.stdout == ""
    assert file.exists()


def test_downgrade_goes_back_and_upgrade_forward_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    monkeypatch.setenv("BRAINRAY_DATABASE_URL", url)
    for arguments in (["upgrade"], ["downgrade", "0001"]):
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0
    assert "revision 0001" in result.stderr
    with pytest.raises(CatalogError, match="older revision 0001"):
        open_database(url)
    with pytest.raises(CatalogError, match="is at 0001, allowed are base, 0001"):
        CliRunner().invoke(app, ["downgrade", head_revision()], catch_exceptions=False)
    CliRunner().invoke(app, ["upgrade"], catch_exceptions=False)
    open_database(url)


def test_what_is_no_database_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "catalog.sqlite"
    file.write_bytes(b"not a database" * 1000)
    monkeypatch.setenv("BRAINRAY_DATABASE_URL", f"sqlite:///{file}")
    with pytest.raises(CatalogError, match="not a database"):
        CliRunner().invoke(app, ["upgrade"], catch_exceptions=False)
