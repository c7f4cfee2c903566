from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from brainray import plugins
from brainray.errors import ScenarioError
from brainray.scenario import load_scenario, parse_scenario
from brainray.scenario.load import builtin_scenarios, find_scenario

Document = dict[str, Any]
Write = Callable[[Any], Path]


def refusal(path: Path, *changes: str) -> str:
    """Return why a scenario file is refused, without the leading path."""
    with pytest.raises(ScenarioError) as raised:
        load_scenario(path, changes)
    message = str(raised.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def test_every_built_in_scenario_is_valid_by_name():
    assert list(builtin_scenarios()) == plugins.names("scenarios")
    for name, path in builtin_scenarios().items():
        assert load_scenario(name) == load_scenario(path) == load_scenario(path.parent)


def test_the_built_in_scenario_of_the_paper():
    scenario = load_scenario("audio_visual_digits")
    assert scenario.name == "audio-visual-digits"
    assert {name: one.modality for name, one in scenario.inputs.items()} == {
        "image": "image",
        "audio": "audio",
    }
    assert (scenario.search.algorithm, scenario.search.budget) == ("evolution", 200)
    assert scenario.data.name == "audio_visual_digits"
    assert scenario.serve.name == "digits"


def test_a_file_and_a_folder_give_the_same(
    document: Document, write: Write, monkeypatch: pytest.MonkeyPatch
):
    path = write(document)
    assert load_scenario(path) == load_scenario(path.parent) == load_scenario(str(path))
    monkeypatch.chdir(path.parent)
    assert load_scenario(".") == load_scenario("scenario.yaml") == load_scenario(path)


def test_a_file_may_have_any_name(document: Document, write: Write):
    path = write(document)
    other = path.rename(path.with_name("other.yml"))
    assert load_scenario(other).name == "mine"


def test_a_folder_hides_a_built_in_name_only_if_it_has_a_scenario(
    document: Document, write: Write, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(write(document).parent)
    folder = Path("audio_visual_digits")
    folder.mkdir()
    assert load_scenario("audio_visual_digits").name == "audio-visual-digits"
    Path("scenario.yaml").rename(folder / "scenario.yaml")
    assert load_scenario("audio_visual_digits").name == "mine"


@pytest.mark.parametrize("where", ["nowhere", "folder", "audio-visual-digits"])
def test_what_is_not_there_lists_the_built_in_names(where: str, tmp_path: Path):
    (tmp_path / "folder").mkdir()
    place = str(tmp_path / where) if where == "folder" else where
    with pytest.raises(ScenarioError, match=r"no built-in scenario \(.*audio_visual_digits") as e:
        find_scenario(place)
    assert str(e.value).startswith(f"scenario {place!r}: ")


def test_a_relative_manifest_is_relative_to_the_scenario(document: Document, write: Write):
    document["data"] = {"manifest": "data/mine.parquet"}
    path = write(document)
    manifest = load_scenario(path).data.manifest
    assert manifest == path.parent.resolve() / "data" / "mine.parquet"
    assert load_scenario(path, [f"data.manifest={manifest}"]).data.manifest == manifest


def test_a_relative_map_is_relative_to_the_scenario(document: Document, write: Write):
    document["activation"] = {"map": "scan.nii.gz"}
    path = write(document)
    assert load_scenario(path).activation.map == path.parent.resolve() / "scan.nii.gz"


def test_a_manifest_without_a_folder_stays_as_it_is(document: Document):
    document["data"] = {"manifest": "mine.parquet"}
    assert parse_scenario(document, "a request").data.manifest == Path("mine.parquet")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "must be a mapping of keys, not NoneType"),
        ("- name\n- goal\n", "must be a mapping of keys, not list"),
        ("just words", "must be a mapping of keys, not str"),
        ("name: [", "is not YAML: "),
        ("name: !!python/object:os.system {}", "is not YAML: "),
        ("name: 2020-13-45", "is not YAML: "),
        ("name: mine", "goal: is missing"),
    ],
)
def test_a_file_without_a_scenario_is_refused(content: str, reason: str, write: Write):
    assert refusal(write(content)).startswith(reason)


def test_a_file_that_is_not_text_is_refused(write: Write):
    path = write("")
    path.write_bytes(b"\xff\xfe\x80")
    assert refusal(path).startswith("cannot be read: ")


@pytest.mark.parametrize(
    ("change", "place", "value"),
    [
        ("search.budget=7", ("search", "budget"), 7),
        ("search.operators=[concat]", ("search", "operators"), ("concat",)),
        ("search={budget: 5}", ("search", "budget"), 5),
        ("search.time_limit_minutes=1.5", ("search", "time_limit_minutes"), 1.5),
        ("search.time_limit_minutes=null", ("search", "time_limit_minutes"), None),
        ("search.time_limit_minutes=", ("search", "time_limit_minutes"), None),
        ("training.learning_rate=1e-3", ("training", "learning_rate"), 1e-3),
        (" data.source = embedded", ("data", "source"), "embedded"),
        ("data.options.noise=a=b", ("data", "options"), {"noise": "a=b"}),
        ("name='1'", ("name",), "1"),
    ],
)
def test_set_changes_one_key_in_yaml(
    change: str, place: tuple[str, ...], value: Any, document: Document, write: Write
):
    changed: Any = load_scenario(write(document), [change])
    for part in place:
        changed = getattr(changed, part)
    assert changed == value


def test_set_adds_inputs_and_fills_empty_sections(document: Document, write: Write):
    path = write(document | {"search": None})
    scenario = load_scenario(path, ["inputs.words.modality=text", "search.depth=2"])
    assert scenario.inputs["words"].modality == "text"
    assert scenario.search.depth == 2


def test_the_last_set_wins(document: Document, write: Write):
    assert load_scenario(write(document), ["name=a", "name=b"]).name == "b"


def test_set_leaves_the_file_alone(document: Document, write: Write):
    path = write(document)
    load_scenario(path, ["name=other"])
    assert load_scenario(path).name == "mine"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("search.budget", "must have the form a.b=value"),
        ("=5", "must have the form a.b=value"),
        ("search..budget=5", "must have the form a.b=value"),
        (".budget=5", "must have the form a.b=value"),
        ("name=[", "the value is not YAML"),
        ("name=2020-13-45", "the value is not YAML"),
        ("name.first=5", "name has no keys below it"),
        ("inputs.sound.modality.x=5", "modality has no keys below it"),
    ],
)
def test_a_wrong_set_is_refused(change: str, reason: str, document: Document, write: Write):
    with pytest.raises(ScenarioError) as raised:
        load_scenario(write(document), [change])
    assert str(raised.value) == f"--set {change!r}: {reason}"


def test_a_set_value_is_checked_like_the_file(document: Document, write: Write):
    reason = refusal(write(document), "search.budget=no")
    assert reason == "search.budget: Input should be a valid integer, not False"


@pytest.mark.parametrize("mode", ["python", "json"])
def test_a_scenario_survives_being_written(mode: Any, document: Document, write: Write):
    document["data"] = {"manifest": "mine.csv"}
    changes = ["search.time_limit_minutes=3", "inputs.sound.functions=[listening]"]
    scenario = load_scenario(write(document), changes)
    assert parse_scenario(scenario.model_dump(mode=mode), "the record") == scenario


def test_a_built_in_scenario_survives_being_written_as_yaml():
    for name in builtin_scenarios():
        scenario = load_scenario(name)
        text = yaml.safe_dump(scenario.model_dump(mode="json"))
        assert parse_scenario(yaml.safe_load(text), "a copy") == scenario
