"""Settings that actors in other processes can use."""

from pathlib import Path

import pytest

from brainray.settings import Settings, load_settings


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("actors")
    return load_settings(
        {
            "BRAINRAY_DATABASE_URL": f"sqlite:///{home / 'catalog.sqlite'}",
            "BRAINRAY_STORE_URL": str(home / "store"),
            "BRAINRAY_CACHE": str(home / "cache"),
            "BRAINRAY_RUNS": str(home / "runs"),
        }
    )


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two texts a sample; each tells half of the label."""
    path = tmp_path_factory.mktemp("manifest") / "two-texts.csv"
    rows = ["left,right,label"]
    for number in range(240):
        label = number % 4
        first, second = ("low", "high")[label // 2], ("even", "odd")[label % 2]
        rows.append(f"{first} filler{number % 7},{second} filler{number % 5},{label}")
    path.write_text("\n".join(rows) + "\n")
    return path
