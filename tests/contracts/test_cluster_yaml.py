"""The files of clusters fit Ray's own schema, have a token and open no dashboard to others."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import ValidationError
from ray.autoscaler._private.util import prepare_config, validate_config

from actors.coordinator import REGION_LABEL
from serve.environment import HAPROXY, HAPROXY_FILES, SETTINGS
from serve.limits import Limits, TrackLimits

ROOT = Path(__file__).parents[2]
FILES = ("cluster.yaml", "cluster.aws.yaml")
STARTS = ("head_start_ray_commands", "worker_start_ray_commands")


@pytest.fixture(params=FILES)
def config(request: pytest.FixtureRequest) -> dict[str, Any]:
    return yaml.safe_load((ROOT / request.param).read_text())


def start_command(config: dict[str, Any], key: str) -> str:
    (command,) = [command for command in config[key] if "ray start" in command]
    return command


def environment(config: dict[str, Any]) -> str:
    """Return the file that gives the cluster's processes their environment."""
    (command,) = [command for command in config["setup_commands"] if "<<'END'" in command]
    return command


def test_ray_accepts_it(config: dict[str, Any]) -> None:
    prepared = prepare_config(config)
    validate_config(prepared)
    for key in STARTS:
        assert prepared[key] == config[key], "ray's defaults have replaced a command"


def test_rays_schema_refuses_an_unknown_key(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="head_star"):
        validate_config(prepare_config(config | {"head_star_ray_commands": []}))


def test_a_node_type_is_labelled_for_a_region_and_the_commented_one_is_valid_too() -> None:
    text = (ROOT / "cluster.aws.yaml").read_text()
    config = yaml.safe_load(re.sub(r"^  # (language:|  )", r"  \1", text, flags=re.MULTILINE))
    prepared = prepare_config(config)
    validate_config(prepared)
    kinds = prepared["available_node_types"]
    assert set(kinds) == {"head", "worker", "vision", "language"}
    assert kinds["language"]["resources"]["GPU"] == 1
    for region in ("vision", "language"):
        assert kinds[region]["labels"] == {REGION_LABEL: region}


def test_both_files_have_the_same_commands() -> None:
    local, aws = (
        yaml.safe_load((ROOT / name).read_text().replace("/home/ubuntu", "/home/brainray"))
        for name in FILES
    )
    for key in STARTS:
        assert local[key] == aws[key]
    for line in environment(local).splitlines():
        assert line.startswith("#") or line in environment(aws), line


def test_the_nodes_ask_for_the_token_they_were_given(config: dict[str, Any]) -> None:
    assert "RAY_AUTH_MODE=token" in environment(config)
    path = re.search(r"RAY_AUTH_TOKEN_PATH=(\S+)", environment(config))
    assert path
    assert path[1] in config["file_mounts"]


def test_serve_finds_its_settings(config: dict[str, Any]) -> None:
    exported = set(" ".join(re.findall(r"^export (.*)$", environment(config), re.M)).split())
    assert {f"{name}={value}" for name, value in SETTINGS.items()} <= exported
    program = next(part for part in exported if part.startswith("RAY_SERVE_HAPROXY_BINARY_PATH="))
    assert program.endswith(f"/cluster/venv/bin/{HAPROXY}")
    for name, file in HAPROXY_FILES.items():
        (place,) = (part for part in exported if part.startswith(f"{name}="))
        assert place.endswith(f"/.haproxy/{file}".rstrip("/"))


def test_our_own_limits_refuse_before_haproxy_lets_go() -> None:
    tracking, seconds = TrackLimits(), int(SETTINGS["RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S"])
    assert seconds > max(Limits().body_seconds, tracking.body_seconds, tracking.send_seconds)


def test_every_shell_has_the_environment(config: dict[str, Any]) -> None:
    place = environment(config).splitlines()[0].split()[2]
    assert f"echo '. {place}' >> ~/.bashrc" in config["setup_commands"][-1]


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
