"""Where things are: environment variables first, then ``config.toml``, then defaults."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

import platformdirs
from pydantic import BaseModel, ConfigDict, SecretStr

from brainray.errors import SettingsError


class Settings(BaseModel):
    """Places that a process works with.

    Attributes:
        database_url: SQLAlchemy URL of the catalog (``BRAINRAY_DATABASE_URL``).
        store_url: fsspec URL of weights, data sets and banks (``BRAINRAY_STORE_URL``).
        data: folder of ready data sets, or None (``BRAINRAY_DATA``).
        cache: folder of things that can be made again (``BRAINRAY_CACHE``).
        runs: folder of the records of runs (``BRAINRAY_RUNS``).
        bootstrap_key: the first maintainer's key of the service, good until there is a maintainer
            (``BRAINRAY_BOOTSTRAP_KEY``).
    """

    model_config = ConfigDict(frozen=True)

    database_url: str
    store_url: str
    data: Path | None
    cache: Path
    runs: Path
    bootstrap_key: SecretStr | None = None


def config_file() -> Path:
    """Return the path of the user's ``config.toml``, which need not exist."""
    return Path(platformdirs.user_config_dir("brainray")) / "config.toml"


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of this process.

    Args:
        environ: the environment; ``os.environ`` if None.

    Raises:
        SettingsError: ``config.toml`` is not TOML or has an unknown key, or ``BRAINRAY_DATA``
            is not a folder.
    """
    environ = os.environ if environ is None else environ
    home = Path(platformdirs.user_data_dir("brainray"))
    values: dict[str, str] = {
        "database_url": f"sqlite:///{home / 'catalog.sqlite'}",
        "store_url": str(home / "store"),
        "cache": platformdirs.user_cache_dir("brainray"),
        "runs": str(home / "runs"),
    }
    values |= _config_values(config_file())
    for key in Settings.model_fields:
        if value := environ.get(f"BRAINRAY_{key.upper()}"):
            values[key] = value
    data = Path(values["data"]).expanduser().resolve() if "data" in values else None
    if data is not None and not data.is_dir():
        raise SettingsError(f"BRAINRAY_DATA: {data} is not a folder")
    return Settings(
        database_url=_absolute_sqlite(values["database_url"]),
        store_url=_absolute(values["store_url"]),
        data=data,
        cache=Path(values["cache"]).expanduser().resolve(),
        runs=Path(values["runs"]).expanduser().resolve(),
        bootstrap_key=SecretStr(values["bootstrap_key"]) if "bootstrap_key" in values else None,
    )


def _config_values(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
    allowed = sorted(Settings.model_fields)
    for key, value in values.items():
        if key not in allowed:
            raise SettingsError(f"{path}: unknown key {key!r}, allowed are {', '.join(allowed)}")
        if not isinstance(value, str) or not value:
            raise SettingsError(f"{path}: {key} must be a string with text, not {value!r}")
    return values


def _absolute(store_url: str) -> str:
    """Make a bare path absolute (workers run elsewhere); leave other URLs alone."""
    return store_url if "://" in store_url else str(Path(store_url).expanduser().resolve())


def _absolute_sqlite(url: str) -> str:
    """Make the path of a SQLite file absolute; leave other URLs alone."""
    scheme, separator, path = url.partition(":///")
    if scheme != "sqlite" or not path or path == ":memory:":
        return url
    return f"sqlite{separator}{Path(path).expanduser().resolve()}"
