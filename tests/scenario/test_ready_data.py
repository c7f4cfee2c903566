"""A scenario whose data section names nothing means the data set of its own name."""

import pytest
import yaml

from brainray.errors import ScenarioError
from brainray.scenario import parse_scenario

EXAMPLE = """
name: audio-visual-digits
goal: {task: classification, target: digit, metric: accuracy}
inputs:
  image: {modality: image, functions: [visual_perception, shape]}
  audio: {modality: audio, functions: [speech_perception, listening]}
data: {source: auto}
activation: {}
search: {algorithm: evolution, budget: 200, depth: 4, operators: [concat], time_limit_minutes: 10}
pretraining: {epochs: 6}
training: {strategy: all_reduce, workers: 2, epochs: 3}
serve: {name: digits}
"""


def test_the_scenario_names_its_data() -> None:
    scenario = parse_scenario(yaml.safe_load(EXAMPLE), origin="example")
    assert scenario.data.name == "audio_visual_digits"
    assert scenario.data.source == "auto"
    assert scenario.search.time_limit_minutes == 10


def test_another_name_has_to_say_which_data() -> None:
    document = yaml.safe_load(EXAMPLE) | {"name": "mine"}
    with pytest.raises(ScenarioError, match=r"^example: data: give either 'name'"):
        parse_scenario(document, origin="example")
