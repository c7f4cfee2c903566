from pathlib import Path

import pytest
from pydantic import SecretStr

from brainray import settings
from brainray.errors import SettingsError
from brainray.settings import Settings, load_settings


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a config.toml that is not there yet."""
    path = tmp_path / "config.toml"
    monkeypatch.setattr(settings, "config_file", lambda: path)
    return path


@pytest.mark.usefixtures("config")
def test_defaults_are_absolute_and_in_the_users_folders():
    found = load_settings({})
    assert found.data is None
    assert found.database_url.startswith("sqlite:////")
    assert found.database_url.endswith("catalog.sqlite")
    for path in (Path(found.store_url), found.cache, found.runs):
        assert path.is_absolute()
        assert "brainray" in path.parts


@pytest.mark.parametrize("key", list(Settings.model_fields))
def test_environment_wins_over_config_and_config_over_default(key: str, config: Path):
    folder = config.parent.resolve()
    for name in ("first", "second"):
        (folder / name).mkdir()
    scheme = "sqlite:///" if key == "database_url" else ""
    config.write_text(f'{key} = "{scheme}{folder / "second"}"')

    from_config = load_settings({})
    assert plain(from_config, key) == f"{scheme}{folder / 'second'}"
    for other in Settings.model_fields.keys() - {key}:
        assert getattr(from_config, other) != getattr(from_config, key)

    environ = {f"BRAINRAY_{key.upper()}": f"{scheme}{folder / 'first'}"}
    assert plain(load_settings(environ), key) == f"{scheme}{folder / 'first'}"


def plain(found: Settings, key: str) -> str:
    value = getattr(found, key)
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def test_a_secret_is_not_shown():
    found = load_settings({"BRAINRAY_BOOTSTRAP_KEY": "open sesame"})
    assert "sesame" not in repr(found) + found.model_dump_json()


def test_the_process_environment_is_the_default(config: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BRAINRAY_CACHE", str(config.parent / "here"))
    assert load_settings().cache == config.parent / "here"


def test_an_empty_variable_is_no_variable(config: Path):
    config.write_text('store_url = "s3://bucket/store"')
    assert load_settings({"BRAINRAY_STORE_URL": ""}).store_url == "s3://bucket/store"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            b'stores = "x"',
            "unknown key 'stores', allowed are bootstrap_key, cache, data, database_url, runs",
        ),
        (b"runs = 3", "runs must be a string with text, not 3"),
        (b'data = ""', "data must be a string with text, not ''"),
        (b"runs = ", "Invalid value"),
        (b'runs = "\xff"', "utf-8"),
    ],
)
def test_a_wrong_config_is_refused_in_one_line(content: bytes, reason: str, config: Path):
    config.write_bytes(content)
    with pytest.raises(SettingsError, match=reason) as raised:
        load_settings({})
    assert str(raised.value).startswith(f"{config}: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("kind", ["missing", "a file"])
def test_a_data_folder_that_is_none_is_refused(kind: str, config: Path):
    path = config.parent / "data"
    if kind == "a file":
        path.write_text("no folder")
    with pytest.raises(SettingsError, match=f"BRAINRAY_DATA: .*{path.name} is not a folder"):
        load_settings({"BRAINRAY_DATA": str(path)})


@pytest.mark.usefixtures("config")
def test_relative_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    values = {key.upper(): key for key in ("store_url", "data", "cache", "runs")}
    values["DATA"] = "../" + tmp_path.name + "/data"
    values["DATABASE_URL"] = "sqlite:///my.sqlite"
    found = load_settings({f"BRAINRAY_{key}": value for key, value in values.items()})
    here = tmp_path.resolve()
    assert found == Settings(
        database_url=f"sqlite:///{here / 'my.sqlite'}",
        store_url=str(here / "store_url"),
        data=here / "data",
        cache=here / "cache",
        runs=here / "runs",
    )


@pytest.mark.usefixtures("config")
def test_the_home_folder_may_be_written_as_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    found = load_settings({"BRAINRAY_STORE_URL": "~/s", "BRAINRAY_DATABASE_URL": "sqlite:///~/c"})
    assert found.store_url == str(tmp_path.resolve() / "s")
    assert found.database_url == f"sqlite:///{tmp_path.resolve() / 'c'}"


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "postgresql+psycopg://user@host/base"]
)
def test_databases_that_are_no_file_are_left_alone(url: str):
    assert load_settings({"BRAINRAY_DATABASE_URL": url}).database_url == url


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("url", ["s3://bucket/folder", "memory://store", "file:///store"])
def test_stores_with_a_protocol_are_left_alone(url: str):
    assert load_settings({"BRAINRAY_STORE_URL": url}).store_url == url
