"""What runs in a job that ``brainray submit`` has started: `brainray run`, and then its report.

The working directory is what was sent: the scenario and, if it has one, its manifest or its boxes.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from brainray.cli.main import main as brainray
from brainray.cli.sending import kept_boxes
from brainray.datasets.files import replacing, sha256_of
from brainray.scenario import Scenario, TrackingScenario, load_scenario
from brainray.settings import Settings, load_settings

RUN = ("run",)
"""The command that is the job."""
REPORT_MARK = "brainray-report: "
"""Begins the lines of the log that hold the report, which is JSON in pieces."""
PIECE = 10_000
"""Characters; Ray passes a log on in messages of a limited length."""


def main() -> None:
    """Run the scenario of the working directory, and print the report for the one who sent it."""
    parser = argparse.ArgumentParser(prog="python -m brainray.cli.job", description=__doc__)
    parser.add_argument("--seed", default="0")
    seed = parser.parse_args().seed
    sent = Path.cwd()
    changes = []
    scenario = load_scenario(sent)
    if isinstance(scenario, Scenario) and scenario.data.manifest is not None:
        changes = ["--set", f"data.manifest={kept(scenario.data.manifest, load_settings())}"]
    elif isinstance(scenario, TrackingScenario) and scenario.data.own:
        sent = kept_boxes(sent, load_settings())
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        asked = [str(sent), "--seed", seed, "--json", str(report), *changes]
        sys.argv = ["brainray", *RUN, *asked]
        try:
            brainray()
        except SystemExit as ended:  # how a command ends, be it well or not
            if ended.code:
                raise
        text = " ".join(report.read_text(encoding="utf-8").splitlines())
    for start in range(0, len(text), PIECE):
        print(REPORT_MARK + text[start : start + PIECE])


def kept(manifest: Path, settings: Settings) -> Path:
    """Copy a manifest to where it stays when the job has ended, for a resume; return its path."""
    path = settings.cache / "manifests" / sha256_of(manifest) / manifest.name
    if not path.exists():
        with replacing(path) as part:
            shutil.copyfile(manifest, part)
    return path


if __name__ == "__main__":
    main()
