"""cluster.yaml fits Ray's own schema, is guarded by a token and opens no dashboard to others."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import ValidationError
from ray.autoscaler._private.util import prepare_config, validate_config

ROOT = Path(__file__).parents[2]
STARTS = ("head_start_ray_commands", "worker_start_ray_commands")


@pytest.fixture
def config() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "cluster.yaml").read_text())


def start_command(config: dict[str, Any], key: str) -> str:
    (command,) = [command for command in config[key] if "ray start" in command]
    return command


def test_ray_accepts_it(config: dict[str, Any]) -> None:
    prepared = prepare_config(config)
    validate_config(prepared)
    assert prepared["provider"]["type"] == "local"
    for key in STARTS:
        assert prepared[key] == config[key], "ray's defaults have replaced a command"


def test_rays_schema_refuses_an_unknown_key(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="head_star"):
        validate_config(prepare_config(config | {"head_star_ray_commands": []}))


def test_the_commented_node_types_are_valid_too() -> None:
    comments = (ROOT / "cluster.yaml").read_text().split("for instance:\n#\n")[1]
    config = yaml.safe_load(re.sub(r"^# ?", "", comments, flags=re.MULTILINE))
    kinds = set(config["available_node_types"])
    config |= {"cluster_name": "brainray", "provider": {"type": "aws", "region": "somewhere"}}
    prepared = prepare_config(config)
    validate_config(prepared)
    assert set(prepared["available_node_types"]) == kinds == {"head", "worker"}


@pytest.mark.parametrize("key", STARTS)
def test_every_node_asks_for_the_token_it_was_given(config: dict[str, Any], key: str) -> None:
    command = start_command(config, key)
    assert "RAY_AUTH_MODE=token" in command
    path = re.search(r"RAY_AUTH_TOKEN_PATH=([^\s;]+)", command)
    assert path
    assert path[1] in config["file_mounts"]


def test_the_dashboard_listens_to_the_head_alone(config: dict[str, Any]) -> None:
    assert "--dashboard-host=127.0.0.1" in start_command(config, "head_start_ray_commands")


def test_the_nodes_install_the_wheel_with_the_tested_versions(config: dict[str, Any]) -> None:
    mounts = {local: remote for remote, local in config["file_mounts"].items()}
    installs = [command for command in config["setup_commands"] if "pip install" in command]
    assert all(f"{mounts['dist']}/brainray-*.whl" in command for command in installs)
    assert f"-c {mounts['constraints.txt']}" in installs[0]
    assert (ROOT / "constraints.txt").is_file()


def test_remote_paths_are_absolute(config: dict[str, Any]) -> None:
    assert all(Path(remote).is_absolute() for remote in config["file_mounts"])
