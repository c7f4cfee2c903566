"""Mixed load for minutes: predictions, pages, downloads, and a new version again and again."""

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from serving_over_http.memory import replica_megabytes

from brainray.catalog import Library, Model
from brainray.pipeline.predict import load_model
from brainray.shapes import Raw

BUSY = (429, 503)


@dataclass
class Tally:
    """What came back, by kind of request."""

    done: Counter[str] = field(default_factory=Counter)
    busy: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def endure(
    address: str,
    library: Library,
    models: Sequence[Model],
    inputs: dict[str, Raw],
    files: dict[str, bytes],
    seconds: float,
    redeploy_seconds: float,
) -> dict[str, Any]:
    """Load the service for some time; return counts and the memory of its replicas.

    Args:
        address: of the service, whose endpoint ``digits`` has the first model.
        library: its catalog.
        models: that are deployed in turn.
        inputs: of the one request.
        files: the same, encoded.
        seconds: how long.
        redeploy_seconds: between two versions.
    """
    expected = {model.id: load_model(library, model.id)(inputs) for model in models}
    key = {"Authorization": f"Bearer {library.add_key(f'load-{time.time()}', 'deployer')}"}
    stop = threading.Event()
    tally = Tally()

    def predict(client: httpx.Client) -> bool:
        found = client.post("/api/endpoints/digits/predict", files=files)
        found.raise_for_status()
        answer = found.json()
        right = expected[answer["model"]]
        return answer["label"] == right.label and all(
            abs(answer["probabilities"][label] - value) < 1e-4
            for label, value in right.probabilities.items()
        )

    def browse(client: httpx.Client) -> bool:
        page = client.get("/api/models", params={"filter": "kind = fused", "facets": True})
        page.raise_for_status()
        return bool(page.json()["total"] >= len(models))

    def download(client: httpx.Client) -> bool:
        found = client.get(f"/api/models/{models[0].id}/weights")
        found.raise_for_status()
        return hashlib.sha256(found.content).hexdigest() == models[0].sha256

    def deploy(client: httpx.Client) -> bool:
        model = models[tally.done["deploy"] % len(models)]
        client.put(
            "/api/endpoints/digits", json={"model": model.id}, headers=key
        ).raise_for_status()
        stop.wait(redeploy_seconds)
        return True

    def work(name: str, call: Callable[[httpx.Client], bool], pause: float) -> None:
        with httpx.Client(base_url=address, timeout=60) as client:
            while not stop.is_set():
                try:
                    kind = tally.done if call(client) else tally.wrong
                except httpx.HTTPStatusError as error:
                    busy = error.response.status_code in BUSY
                    kind = tally.busy if busy else tally.failed
                    if not busy:
                        tally.notes.append(f"{name}: {error}: {error.response.text[:200]}")
                except httpx.HTTPError as error:
                    kind = tally.failed
                    tally.notes.append(f"{name}: {error!r}")
                kind[name] += 1
                stop.wait(pause)

    jobs = [("predict", predict, 0.0)] * 3
    jobs += [("list", browse, 0.05), ("download", download, 0.05), ("deploy", deploy, 0.0)]
    threads = [threading.Thread(target=work, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    # Memory settles while every path is taken for the first time.
    memory = []
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < seconds:
        stop.wait(min(seconds / 20, seconds - passed))
        memory.append(replica_megabytes())
    stop.set()
    for thread in threads:
        thread.join()
    settled = memory[len(memory) // 4 :]
    return {
        "seconds": seconds,
        "done": dict(tally.done),
        "busy": dict(tally.busy),
        "failed": dict(tally.failed),
        "wrong": dict(tally.wrong),
        "notes": tally.notes[:20],
        "megabytes": [round(value, 1) for value in memory],
        "megabytes_a_minute": round(_slope(settled) * 20 / seconds * 60, 3),
    }


def _slope(values: list[float]) -> float:
    """Return the growth from one value to the next, by least squares."""
    count = len(values)
    if count < 2:
        return 0.0
    middle, mean = (count - 1) / 2, sum(values) / count
    above = sum((n - middle) * (value - mean) for n, value in enumerate(values))
    return above / sum((n - middle) ** 2 for n in range(count))
