"""CI reads pytest's last line: it has to count what was left out, in several processes too."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = "tests/contracts/test_selection.py"


def last_line(*options: str) -> str:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip().splitlines()[-1]


def test_nothing() -> None:
    """What the other tests run."""


def test_what_is_deselected_is_counted() -> None:
    line = last_line("-n", "2", TESTS, "-k", "nothing")
    assert re.search(r"=+ 1 passed, 1 deselected in ", line)
