"""Write docs/scenario.md from the classes of `brainray.scenario`.

Types, defaults and limits come from the JSON schema that pydantic makes of the classes, meanings
from the ``Attributes`` of their docstrings. A contract test proves that the page in the
repository is what this script makes::

    python scripts/make_scenario_docs.py
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from brainray.files import write_atomically
from brainray.scenario import Scenario, TrackingScenario
from brainray.scenario.model import DEFAULT_FUNCTIONS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "scenario.md"
EXAMPLES = ROOT / "scenarios"

Schema: TypeAlias = dict[str, Any]
SCHEMA: Schema = Scenario.model_json_schema()
TRACKING: Schema = TrackingScenario.model_json_schema()
DEFINITIONS: Schema = SCHEMA["$defs"] | TRACKING["$defs"]

PATTERNS = {
    SCHEMA["properties"]["name"]["pattern"]: "name",
    SCHEMA["$defs"]["Goal"]["properties"]["target"]["pattern"]: "column",
}
"""What the two patterns of text are called; the page says what they allow."""

HEAD = """\
<!-- Made by scripts/make_scenario_docs.py from brainray/scenario; do not edit. -->
# The scenario file

A scenario says what goes in, what is wanted and where the samples are. It is a YAML file, by itself
or as `scenario.yaml` in a folder; `brainray scenarios show SCENARIO` checks one and shows every key
with its value. Unknown keys, wrong types and impossible values are refused in one line that names
the key and what is allowed.

Any key can be changed on the command line, the value in YAML:

```
brainray run audio_visual_digits --set search.budget=50 --set 'search.operators=[concat]'
```

The built-in scenario `audio_visual_digits`, whole:

```yaml
{example}```

In the tables, a *name* is 1 to 100 letters, digits, `_`, `.` and `-`, a letter or digit first; a
*column* is 1 to 64 letters, digits and `_`, no digit first.

## The top level

`name`, a *name*, is required: stored models and runs carry it. The other keys are the sections:

{sections}"""

FOLLOWING = """
# With the task of tracking

A scenario with `goal: {{task: tracking}}` chooses a
[detector and a tracker](tracking.md#which-detector-and-which-tracker) for videos. `activation` is
as above; `inputs` has one input, a video, which need not be given. The built-in scenario
`multi_object_tracking`, whole:

```yaml
{example}```

{sections}"""

FUNCTIONS = """
An input that names no functions excites those of its modality:

{rows}
`brainray/catalog/seed/functions.csv` lists the functions of the catalog.
"""


def page() -> str:
    """Return the page as Markdown."""
    sections = {key: value for key, value in SCHEMA["properties"].items() if key != "name"}
    text = HEAD.format(
        example=example("audio_visual_digits"), sections=overview(sections, SCHEMA["required"])
    )
    text += "".join(section(key, value) for key, value in sections.items())
    own = {
        key: value
        for key, value in TRACKING["properties"].items()
        if key in ("goal", "data", "detectors", "search")
    }
    text += FOLLOWING.format(
        example=example("multi_object_tracking"), sections=overview(own, TRACKING["required"])
    )
    return text + "".join(section(key, value, " of tracking") for key, value in own.items())


def example(name: str) -> str:
    """Return a built-in scenario as it is written."""
    return (EXAMPLES / name / "scenario.yaml").read_text(encoding="utf-8")


def overview(sections: Schema, required: Sequence[str]) -> str:
    """Return the table of sections."""
    rows = [
        (f"`{key}`", "yes" if key in required else "no", summary(resolve(value)))
        for key, value in sections.items()
    ]
    return table(("section", "required", "says"), rows)


def section(key: str, schema: Schema, of: str = "") -> str:
    """Return the heading of a section and the table of its keys."""
    part = resolve(schema)
    keys, meanings = part.get("properties", {}), attributes(part)
    rows = [
        (f"`{name}`", type_text(item), default_text(item), meanings[name])
        for name, item in keys.items()
    ]
    text = f"\n{'###' if '.' in key else '##'} `{key}`{of}\n\n"
    if key == "detectors":
        text += "Any number of detectors by name. Of each:\n\n"
    if key == "inputs":
        text += f"{schema['minProperties']} to {schema['maxProperties']} inputs by name, a *column*"
        text += " each. Of each input:\n\n"
    text += table(("key", "type", "default", "meaning"), rows) if rows else "It has no keys yet.\n"
    if key == "inputs":
        functions = [
            (f"`{modality}`", ", ".join(f"`{name}`" for name in names))
            for modality, names in DEFAULT_FUNCTIONS.items()
        ]
        text += FUNCTIONS.format(rows=table(("modality", "functions"), functions))
    inner = {name: item for name, item in keys.items() if "$ref" in item}
    return text + "".join(section(f"{key}.{name}", item) for name, item in inner.items())


def resolve(schema: Schema) -> Schema:
    """Return the schema of a section's class: of the field itself, or of a mapping's values."""
    if "patternProperties" in schema:
        (schema,) = schema["patternProperties"].values()
    definition: Schema = DEFINITIONS[schema["$ref"].rpartition("/")[2]]
    return definition


def summary(part: Schema) -> str:
    """Return the first paragraph of a class's docstring."""
    return " ".join(part["description"].split("\n\n")[0].split())


def attributes(part: Schema) -> dict[str, str]:
    """Return the meanings that a class's docstring lists under ``Attributes``."""
    _, _, listed = part["description"].partition("Attributes:\n")
    # A line that is indented deeper goes on with the one before it.
    lines = re.sub(r"\n {5,}", " ", listed).splitlines()
    pairs = (line.strip().split(": ", 1) for line in lines)
    return {name: re.sub(r"\bNone\b", "null", text).replace("``", "`") for name, text in pairs}


def type_text(schema: Schema) -> str:
    """Return a type with its limits in words, e.g. ``integer, 1 to 64``."""
    if "$ref" in schema:
        return "section below"
    if "anyOf" in schema:
        return " or ".join(map(type_text, schema["anyOf"]))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "pattern" in schema:
        return f"*{PATTERNS[schema['pattern']]}*"
    if schema["type"] == "array":
        least = f", at least {schema['minItems']}" if "minItems" in schema else ""
        items = type_text(schema["items"]) if schema["items"] else "values"
        return f"list of {items}{least}"
    kind: str = schema["format" if "format" in schema else "type"]
    return ", ".join([{"string": "text", "object": "mapping"}.get(kind, kind), *limits(schema)])


def limits(schema: Schema) -> list[str]:
    """Return what a number must keep to."""
    # Behind a validator of its own, a number's limits keep the names that pydantic gives them.
    names = {
        "ge": "minimum",
        "gt": "exclusiveMinimum",
        "le": "maximum",
        "lt": "exclusiveMaximum",
    }
    found = {names.get(key, key): value for key, value in schema.items()}
    if "minimum" in found and "maximum" in found:
        return [f"{found['minimum']:,} to {found['maximum']:,}"]
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    return [f"{words[key]} {found[key]:,}" for key in words if key in found]


def default_text(schema: Schema) -> str:
    """Return a default as YAML has it."""
    if "$ref" in schema:
        return "`{}`"
    if "default" not in schema:
        return "required"
    value = schema["default"]
    text = value if isinstance(value, str) else json.dumps(value).replace('"', "")
    return f"`{text}`"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    write_atomically(PAGE, page().encode())
