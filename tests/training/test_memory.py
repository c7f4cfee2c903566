"""Memory that one step freed serves the next."""

import subprocess
import sys

import pytest

STEPS = """
import resource
import torch
from brainray.training.memory import keep_freed_memory

keep_freed_memory()
torch.set_num_threads(1)
for step in range(20):
    if step == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [torch.ones(3_200_000) for _ in range(4)]
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
PAGES_A_STEP = 4 * 3_200_000 * 4 // 4096


@pytest.mark.skipif(sys.platform != "linux", reason="other systems are left as they are")
def test_ten_steps_fetch_fewer_pages_than_one_of_them_uses() -> None:
    command = [sys.executable, "-c", STEPS]
    fetched = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert fetched < PAGES_A_STEP
