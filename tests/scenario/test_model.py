from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from brainray import plugins
from brainray.errors import ScenarioError
from brainray.scenario import Scenario, parse_scenario
from brainray.scenario.model import (
    DEFAULT_FUNCTIONS,
    Activation,
    Data,
    Goal,
    Input,
    Serve,
)
from brainray.scenario.steps import (
    Pretraining,
    Search,
    SelfSupervised,
    SemiSupervised,
    Training,
)
from brainray.scenario.values import Section
from brainray.shapes import MODALITIES

Document = dict[str, Any]

SECTIONS = {
    "": Scenario,
    "goal": Goal,
    "inputs.sound": Input,
    "data": Data,
    "activation": Activation,
    "search": Search,
    "pretraining": Pretraining,
    "pretraining.semi_supervised": SemiSupervised,
    "pretraining.self_supervised": SelfSupervised,
    "training": Training,
    "serve": Serve,
}
WHOLE_NUMBERS = {
    "activation.edges": (1, 10_000),
    "search.budget": (1, 1_000_000),
    "search.brood": (1, 256),
    "search.lag": (1, 1024),
    "search.depth": (1, 4),
    "search.hidden": (1, 1024),
    "search.epochs": (1, 1000),
    "search.finalists": (1, 64),
    "search.workers": (1, 1024),
    "pretraining.epochs": (1, 10_000),
    "pretraining.batch_size": (1, 65_536),
    "pretraining.memory_limit": (1, 1 << 40),
    "pretraining.semi_supervised.ratio": (1, 64),
    "pretraining.self_supervised.epochs": (1, 10_000),
    "pretraining.self_supervised.batch_size": (2, 65_536),
    "training.workers": (1, 1024),
    "training.epochs": (1, 10_000),
    "training.batch_size": (1, 65_536),
}


def change(document: Document, place: str, value: Any) -> Document:
    *path, last = place.split(".")
    section = document
    for part in path:
        section = section.setdefault(part, {})
    section[last] = value
    return document


def refusal(document: Document) -> str:
    """Return why a document is refused, without its origin."""
    with pytest.raises(ScenarioError) as raised:
        parse_scenario(document, "mine.yaml")
    message = str(raised.value)
    assert "\n" not in message
    assert message.startswith("mine.yaml: ")
    return message.removeprefix("mine.yaml: ")


def test_three_keys_and_the_data_are_enough(document: Document):
    scenario = parse_scenario(document, "mine.yaml")
    assert scenario.search.algorithm in plugins.names("searchers")
    assert scenario.training.strategy in plugins.names("strategies")
    assert scenario.search.time_limit_minutes is None
    assert scenario.goal.metric == "accuracy"


@pytest.mark.parametrize("key", ["name", "goal", "inputs", "data"])
def test_a_missing_key_is_named(key: str, document: Document):
    del document[key]
    assert refusal(document) == f"{key}: is missing"


def test_a_missing_key_of_a_section_is_named(document: Document):
    assert refusal(change(document, "inputs.sound", {})) == "inputs.sound.modality: is missing"
    assert refusal(change(document, "goal", {})) == "goal.target: is missing"


@pytest.mark.parametrize(("place", "section"), SECTIONS.items())
def test_an_unknown_key_lists_the_allowed(place: str, section: type[Section], document: Document):
    key = f"{place}.colour".removeprefix(".")
    allowed = ", ".join(section.model_fields)
    assert refusal(change(document, key, 1)) == f"{key}: unknown key, allowed are {allowed}"


@pytest.mark.parametrize(
    ("activation", "reason"),
    [
        ({"rois": {"V1_L": 0}}, "activation: rois: at least one strength must be above 0"),
        ({"rois": {"V1_L": 1}, "map": "m.nii.gz"}, "activation: give either 'rois' or 'map'"),
        ({"complete": True}, "activation: 'complete' needs observed ROIs: give 'rois' or 'map'"),
    ],
)
def test_an_observation_is_one_and_says_something(
    activation: dict[str, Any], reason: str, document: Document
):
    assert refusal(document | {"activation": activation}) == reason


@pytest.mark.parametrize("strength", [-1, float("nan"), float("inf"), True, "strong"])
def test_a_strength_is_a_number_from_0_on(strength: Any, document: Document):
    reason = refusal(change(document, "activation.rois", {"V1_L": strength}))
    assert reason.startswith("activation.rois.V1_L: ")


@pytest.mark.parametrize("spreading", [-0.1, 1, 1.5])
def test_what_spreads_is_less_than_all(spreading: float, document: Document):
    assert refusal(change(document, "activation.spreading", spreading)).startswith(
        "activation.spreading: "
    )


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        ("learning", "unsupervised", "Input should be 'supervised', 'semi_supervised' or "),
        ("semi_supervised.threshold", 1.5, "Input should be less than or equal to 1"),
        ("semi_supervised.threshold", True, "must be a number, not True"),
        ("semi_supervised.weight", -1, "Input should be greater than or equal to 0"),
        ("self_supervised.temperature", 1e-300, "Input should be greater than or equal to 0.001"),
        ("self_supervised.tuned", "body", "Input should be 'head' or 'all', not 'body'"),
    ],
)
def test_how_networks_learn_has_limits(
    place: str, value: Any, reason: str, document: Document
) -> None:
    key = f"pretraining.{place}"
    assert refusal(change(document, key, value)).startswith(f"{key}: {reason}")


@pytest.mark.parametrize("place", WHOLE_NUMBERS)
@pytest.mark.parametrize("value", ["200", 1.5, 2.0, True, [3], {}])
def test_whole_numbers_are_strict(place: str, value: Any, document: Document):
    reason = refusal(change(document, place, value))
    given_back = tuple(value) if isinstance(value, list) else value
    assert reason == f"{place}: Input should be a valid integer, not {given_back!r}"


@pytest.mark.parametrize(("place", "limits"), WHOLE_NUMBERS.items())
def test_whole_numbers_have_limits(place: str, limits: tuple[int, int], document: Document):
    lowest, highest = limits
    document["training"] = {"workers": 1, "batch_size": 1024}
    for value in limits:
        parse_scenario(change(document, place, value), "mine.yaml")
    bound = "Input should be less than or equal to"
    assert refusal(change(document, place, highest + 1)) == (
        f"{place}: {bound} {highest}, not {highest + 1}"
    )
    bound = "Input should be greater than or equal to"
    assert refusal(change(document, place, lowest - 1)) == (
        f"{place}: {bound} {lowest}, not {lowest - 1}"
    )


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        ("name", None, "Input should be a valid string, not None"),
        ("name", "../up", "String should match pattern"),
        ("name", "", "String should match pattern"),
        ("goal", "digit", "Input should be a valid dictionary"),
        (
            "goal.task",
            "detection",
            "unknown task 'detection', allowed are classification, tracking",
        ),
        ("goal.metric", "f1", "Input should be 'accuracy', not 'f1'"),
        ("goal.target", "a b", "String should match pattern"),
        ("goal.target", "split", "'split' cannot be the target: the name is reserved"),
        ("inputs", {}, "Dictionary should have at least 1 item"),
        ("inputs", ["sound"], "Input should be a valid dictionary"),
        ("inputs.sound.modality", "smell", "Input should be 'image', 'audio' or 'text'"),
        ("inputs.sound.functions", "listening", "Input should be a valid tuple"),
        ("data.source", "web", "Input should be 'auto', 'files' or 'embedded', not 'web'"),
        ("search", 200, "Input should be a valid dictionary"),
        ("search.algorithm", 1, "Input should be a valid string, not 1"),
        ("search.operators", [], "Tuple should have at least 1 item"),
        ("search.time_limit_minutes", 0, "Input should be greater than 0, not 0"),
        ("search.time_limit_minutes", True, "must be a number, not True"),
        ("search.time_limit_minutes", "soon", "Input should be a valid number"),
        ("pretraining.optimizers", [], "Tuple should have at least 1 item"),
        ("pretraining.augmentation", -0.1, "Input should be greater than or equal to 0, not -0.1"),
        ("pretraining.augmentation", 0.6, "Input should be less than or equal to 0.5, not 0.6"),
        ("training.learning_rate", 0, "Input should be greater than 0, not 0"),
        ("training.learning_rate", 1.5, "Input should be less than or equal to 1, not 1.5"),
        ("training.learning_rate", False, "must be a number, not False"),
        ("training.learning_rate", float("nan"), "Input should be greater than 0, not nan"),
        ("serve.name", "a/b", "String should match pattern"),
    ],
)
def test_a_wrong_value_says_where_and_what_is_allowed(
    place: str, value: Any, reason: str, document: Document
):
    assert refusal(change(document, place, value)).startswith(f"{place}: {reason}")


@pytest.mark.parametrize(
    ("place", "what", "group"),
    [
        ("data.name", "data set", "datasets"),
        ("search.algorithm", "algorithm", "searchers"),
        ("training.strategy", "strategy", "strategies"),
    ],
)
def test_an_unknown_plugin_lists_the_installed(
    place: str, what: str, group: str, document: Document
):
    allowed = ", ".join(plugins.names(group))
    assert refusal(change(document, place, "other")) == (
        f"{place}: unknown {what} 'other', allowed are {allowed}"
    )


@pytest.mark.parametrize(
    ("training", "reason"),
    [
        (
            {"options": {"period": 2}},
            "training.options: period: unknown option, all_reduce has none",
        ),
        (
            {"strategy": "local_sgd", "options": {"every": 2}},
            "training.options: every: unknown option, allowed are period",
        ),
        (
            {"strategy": "local_sgd", "options": {"period": 0}},
            "training.options: period: must be a whole number from 1 to 1000000, not 0",
        ),
        (
            {"strategy": "easgd", "keep": "best"},
            "training: keep 'best' needs the same weights on every worker after each epoch, which "
            "strategy easgd with these options does not give",
        ),
    ],
)
def test_options_are_those_of_the_strategy(
    training: dict[str, Any], reason: str, document: Document
):
    assert refusal(document | {"training": training}) == reason


def test_every_strategy_and_its_options_are_allowed(document: Document):
    for name in plugins.names("strategies"):
        parse_scenario(document | {"training": {"strategy": name}}, "mine.yaml")
    allowed = {"strategy": "dynamic_batch_size", "options": {"rule": "hpsgd", "options": {}}}
    training = parse_scenario(document | {"training": allowed}, "mine.yaml").training
    assert training.options == allowed["options"]


OPERATORS = "'concat', 'weighted_sum', 'bilinear' or 'attention'"


@pytest.mark.parametrize(
    ("place", "value", "allowed"),
    [
        ("inputs.sound.functions", ["listening", 1], "a valid string, not 1"),
        ("search.operators", ["concat", "sum"], OPERATORS + ", not 'sum'"),
        ("pretraining.optimizers", ["adam", "lbfgs"], "'adam' or 'sgd', not 'lbfgs'"),
    ],
)
def test_a_wrong_item_of_a_list_is_counted_from_0(
    place: str, value: Any, allowed: str, document: Document
):
    assert refusal(change(document, place, value)) == f"{place}.1: Input should be {allowed}"


@pytest.mark.parametrize("name", ["split", "group", "label"])
def test_an_input_cannot_have_a_reserved_name(name: str, document: Document):
    document["inputs"][name] = {"modality": "text"}
    assert refusal(document) == f"inputs: {name!r} is the name of the target, split or group"


@pytest.mark.parametrize("name", ["a b", "", "1st", "a.b", 5])
def test_an_input_is_named_like_a_column(name: Any, document: Document):
    document["inputs"][name] = {"modality": "text"}
    assert refusal(document).startswith(f"inputs.{name}.")


def test_there_are_at_most_eight_inputs(document: Document):
    document["inputs"] = {f"input{i}": {"modality": "text"} for i in range(8)}
    parse_scenario(document, "mine.yaml")
    document["inputs"]["input8"] = {"modality": "text"}
    assert refusal(document).startswith("inputs: Dictionary should have at most 8 items")


@pytest.mark.parametrize(
    "data", [{}, {"source": "auto"}, {"name": "audio_visual_digits", "manifest": "mine.csv"}]
)
def test_data_come_from_one_place(data: Document, document: Document):
    reason = "data: give either 'name' (a ready data set) or 'manifest' (a file)"
    assert refusal(document | {"data": data}) == reason


def test_a_manifest_has_no_options(document: Document):
    data = {"manifest": "mine.csv", "options": {"noise": 1}}
    reason = "data: 'options' belong to a ready data set, a manifest has none"
    assert refusal(document | {"data": data}) == reason


def test_every_worker_gets_a_row(document: Document):
    document["training"] = {"workers": 8, "batch_size": 7}
    assert refusal(document) == "training: batch_size 7 must be at least workers 8"


def test_one_refused_key_does_not_hide_behind_another(document: Document):
    """The target is refused first; the inputs, which are compared with it, do not crash."""
    assert refusal(change(document, "goal.target", 5)).startswith("goal.target: ")


@pytest.mark.parametrize("text", ["1e-3", "0.001", 1e-3])
def test_yaml_takes_1e_minus_3_for_a_string(text: Any, document: Document):
    changed = change(document, "training.learning_rate", text)
    assert parse_scenario(changed, "mine.yaml").training.learning_rate == 1e-3


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"halving": [2, 8]}, "search: halving [2, 8] must be ascending and below epochs 8"),
        ({"halving": [3, 3]}, "search: halving [3, 3] must be ascending and below epochs 8"),
        ({"halving": [0]}, "search.halving.0: Input should be greater than or equal to 1, not 0"),
        ({"halving": [2], "feedback": True}, "search: halving needs candidates that are trained"),
    ],
)
def test_halving_ends_before_training_does(
    changed: dict[str, Any], reason: str, document: Document
):
    assert refusal({**document, "search": changed}).startswith(reason)


@pytest.mark.parametrize("modality", MODALITIES)
def test_an_input_excites_its_own_functions_or_those_of_its_modality(
    modality: str, document: Document
):
    document["inputs"] = {
        "given": {"modality": modality, "functions": ["fear"]},
        "default": {"modality": modality},
    }
    inputs = parse_scenario(document, "mine.yaml").inputs
    assert inputs["given"].excites() == ("fear",)
    assert inputs["default"].excites() == DEFAULT_FUNCTIONS[inputs["default"].modality]


def test_a_scenario_cannot_be_changed(document: Document):
    scenario = parse_scenario(document, "mine.yaml")
    for section in (scenario, scenario.search):
        assert isinstance(section, Section)
        with pytest.raises(ValidationError, match="frozen"):
            section.name = "other"  # type: ignore[attr-defined]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda items: st.lists(items, max_size=3) | st.dictionaries(st.text(max_size=5), items),
    max_leaves=5,
)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.sampled_from(sorted(Scenario.model_fields)) | st.text(), JSON))
def test_whatever_is_given_is_refused_in_one_line(document: Document):
    with pytest.raises(ScenarioError, match=r"^mine\.yaml: [^\n]+$"):
        parse_scenario(document, "mine.yaml")


@pytest.mark.parametrize(
    ("pretraining", "says"),
    [
        ({"strategy": "gossip"}, "unknown strategy 'gossip', allowed are none, pipeline"),
        ({"options": {"period": 2}}, "pretraining.strategy is none"),
        ({"strategy": "local_sgd", "workers": 2, "options": {"every": 2}}, "every"),
        (
            {"strategy": "pipeline", "workers": 2, "options": {"foo": 1}},
            "foo: unknown option of a pipeline, allowed are schedule, microbatches",
        ),
        ({"strategy": "all_reduce"}, "strategy all_reduce needs a number of workers, not null"),
        ({"strategy": "hpsgd", "workers": 64}, "batch_size 32 must be at least workers 64"),
        (
            {"strategy": "hpsgd", "workers": 2, "augmentation": 0.1},
            "strategy hpsgd cannot be combined with augmentation",
        ),
        (
            {"strategy": "hpsgd", "workers": 2, "learning": "self_supervised"},
            "strategy hpsgd cannot be combined with learning self_supervised",
        ),
    ],
)
def test_a_strategy_of_pretraining_that_cannot_be_is_refused(
    pretraining: dict[str, Any], says: str, document: Document
):
    with pytest.raises(ScenarioError, match="pretraining") as refused:
        parse_scenario(document | {"pretraining": pretraining}, "mine.yaml")
    assert says in str(refused.value)


def test_grown_networks_are_trained_by_one_worker_each(document: Document):
    together = {"strategy": "all_reduce", "workers": 2}
    changes = {"pretraining": together, "grow": {"enabled": True}}
    with pytest.raises(ScenarioError, match="is all_reduce, but each network that is grown"):
        parse_scenario(document | changes, "mine.yaml")


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("search.operators", ["concat", "concat"]),
        ("pretraining.optimizers", ["sgd", "adam", "sgd"]),
        ("inputs.sound.functions", ["listening", "listening"]),
        ("inputs.sound.networks", ["lenet5.audio", "lenet5.audio"]),
    ],
)
def test_a_choice_is_given_once(path: str, values: list[str], document: Document):
    reason = f"{path}: {values[-1]!r} is given twice"
    assert refusal(change(document, path, values)) == reason


def test_what_is_grown_is_not_halved(document: Document):
    del document["inputs"]["sound"]
    document |= {"grow": {"enabled": True}, "search": {"halving": [2]}}
    assert "search.halving: needs candidates that are trained together" in refusal(document)
