"""From a name, a folder or a file to a checked `Scenario`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from brainray import plugins
from brainray.errors import PluginError, ScenarioError
from brainray.scenario.model import Scenario
from brainray.scenario.tasks import CLASSIFICATION, AnyScenario, models_of, task_names

FILE_NAME = "scenario.yaml"


def load_scenario(where: str | Path, changes: Sequence[str] = ()) -> AnyScenario:
    """Read a scenario.

    Args:
        where: the name of a built-in scenario, a folder with a ``scenario.yaml``, or a file.
        changes: ``a.b=value`` each, the value in YAML, as ``--set`` takes them.

    Raises:
        ScenarioError: it cannot be found or read, or says something impossible; the message
            names file and key.
    """
    path = find_scenario(where)
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: cannot be read: {error}") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2020-13-45
        raise ScenarioError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise ScenarioError(f"{path}: must be a mapping of keys, not {type(document).__name__}")
    for change in changes:
        _apply(document, change)
    return parse_scenario(document, origin=str(path), folder=path.parent)


def changed(scenario: AnyScenario, changes: Sequence[str], origin: str) -> AnyScenario:
    """Return a scenario with other values of some keys.

    Args:
        scenario: stays as it is.
        changes: as in `load_scenario`.
        origin: named in errors.

    Raises:
        ScenarioError: a change says something impossible.
    """
    document = scenario.model_dump(mode="json")
    for change in changes:
        _apply(document, change)
    return parse_scenario(document, origin)


def key_of(change: str) -> str:
    """Return the key's path of a change ``a.b=value``."""
    return change.partition("=")[0].strip()


def find_scenario(where: str | Path) -> Path:
    """Return the path of the scenario file that ``where`` means.

    Raises:
        ScenarioError: nothing is there.
    """
    path = Path(where)
    if path.is_dir():
        path = path / FILE_NAME
    if path.is_file():
        return path.resolve()
    if str(where) in plugins.names("scenarios"):
        return builtin_scenarios()[str(where)]
    raise ScenarioError(
        f"scenario {str(where)!r}: is no file, no folder with a {FILE_NAME}, and no built-in "
        f"scenario ({', '.join(plugins.names('scenarios'))})"
    )


def builtin_scenarios() -> dict[str, Path]:
    """Return the scenario files that installed packages offer, by name."""
    found = {}
    for name in plugins.names("scenarios"):
        module = plugins.load("scenarios", name)
        found[name] = Path(module.__file__).parent / FILE_NAME
    return found


def parse_scenario(
    document: dict[str, Any], origin: str, folder: Path | None = None
) -> AnyScenario:
    """Check a scenario that was read from YAML or JSON.

    Args:
        document: its keys and values.
        origin: named in errors.
        folder: what the relative paths in it are relative to.

    Raises:
        ScenarioError: naming origin, key path, value and what is allowed.
    """
    goal = document.get("goal")
    task = goal.get("task", CLASSIFICATION) if isinstance(goal, dict) else CLASSIFICATION
    try:
        model = models_of(task).scenario if isinstance(task, str) else Scenario
    except PluginError as error:
        raise ScenarioError(
            f"{origin}: goal.task: unknown task {task!r}, allowed are {', '.join(task_names())}"
        ) from error
    try:
        scenario = model.model_validate(_tuples(document))
    except ValidationError as error:
        raise ScenarioError(f"{origin}: {first_problem(error, model, 'the scenario')}") from error
    return scenario if folder is None else scenario.below(folder)


def _tuples(value: Any) -> Any:
    """Turn YAML's lists into the tuples that frozen models hold."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def first_problem(error: ValidationError, model: type[BaseModel], whole: str) -> str:
    """Say the first problem in one line, the key's path first.

    Args:
        error: of the check.
        model: that was checked against.
        whole: what is named where the problem is of no single key.
    """
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or whole
    if first["type"] == "extra_forbidden":
        return f"{place}: unknown key{_allowed_keys(first['loc'], model)}"
    if first["type"] == "missing":
        return f"{place}: is missing"
    message = first["msg"].removeprefix("Value error, ")
    given = "" if first["type"] == "value_error" else f", not {first['input']!r}"
    return f"{place}: {message}{given}"


def _allowed_keys(place: tuple[int | str, ...], model: Any) -> str:
    """Return the keys allowed beside an unknown one, as the end of a sentence."""
    for part in place[:-1]:
        field = getattr(model, "model_fields", {}).get(part)
        # A part that is no field is a name in a mapping: what counts is the mapping's values.
        model = model.__args__[-1] if field is None else field.annotation
    keys = getattr(model, "model_fields", None)
    return f", allowed are {', '.join(keys)}" if keys else ""


def _apply(document: dict[str, Any], change: str) -> None:
    """Set one ``a.b=value`` in place."""
    key, equals, text = change.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise ScenarioError(f"--set {change!r}: must have the form a.b=value")
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise ScenarioError(f"--set {change!r}: the value is not YAML") from error
    place = document
    for part in parts[:-1]:
        if place.get(part) is None:
            place[part] = {}
        place = place[part]
        if not isinstance(place, dict):
            raise ScenarioError(f"--set {change!r}: {part} has no keys below it")
    place[parts[-1]] = value
