"""Predictions over HTTP: against plain uvicorn, LitServe and BentoML; many endpoints; endurance.

One fused model of a picture and a sound (multipart PNG and WAV), one process that predicts, wrk as
load. All servers are up at the same time and are asked in turn, a round after the other; ratios
are medians over the rounds. Models are untrained: how they answer costs the same.

- requests a second and median time over 1 and 16 connections, for each server; the product one
  request at a time, and as it is by default, with batching;
- 50 fused endpoints on four backbones against one: memory of the replica;
- a cold endpoint: the first answer of a model that is not loaded;
- endurance: mixed load with a new version again and again, wrong and failed answers, memory.

Peers are in an environment of their own, which `make bench-serving` makes; load needs wrk (Debian).
``--quick`` leaves the peers out.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias

import httpx
from reporting import document, goal
from serving_over_http.endurance import endure
from serving_over_http.load import load, require_wrk, script
from serving_over_http.memory import replica_megabytes
from serving_over_http.servers import Server, started

from brainray.catalog import Library, Model
from brainray.datasets.samples import encode_image
from brainray.shapes import Raw
from brainray.testing.models import add_untrained, add_untrained_fusion
from brainray.testing.places import library_below, places_below
from brainray.testing.samples import picture, sound, wav

ENDPOINT = "digits"
BATCHING, ONE_BY_ONE = "brainray", "brainray, one by one"
CONNECTIONS = (1, 16)
PEERS = ("LitServe", "BentoML")
MANY = 50
PARTS = ("requests", "memory", "endurance", "cold")

SIZES: dict[str, Any] = {"rounds": 7, "seconds": 5, "endurance": 600, "redeploy": 60}
QUICK: dict[str, Any] = {"rounds": 1, "seconds": 1, "endurance": 5, "redeploy": 1}


def compare(
    part: str, servers: list[Server], lua: Path, sizes: dict[str, Any]
) -> list[dict[str, Any]]:
    """Ask all servers in turn; return a row a server, number of connections and round."""
    rows = []
    for server in servers:
        load(server.address + server.path, lua, 4, 1)  # warm
    for number in range(sizes["rounds"]):
        for connections in CONNECTIONS:
            for server in servers:
                found = load(server.address + server.path, lua, connections, sizes["seconds"])
                place = {"part": part, "connections": connections, "round": number}
                rows.append({"server": server.name} | place | vars(found))
    return rows


Medians: TypeAlias = dict[tuple[str, str, int], dict[str, float]]
"""By part, server and connections."""


def medians(rows: list[dict[str, Any]]) -> Medians:
    """Return medians over the rounds, and the ratios to plain uvicorn of the same round."""
    found: Medians = {}
    at = ("part", "connections", "round")
    limit = {tuple(row[key] for key in at): row for row in rows if row["server"] == "plain uvicorn"}
    places = [(row["part"], row["server"], row["connections"]) for row in rows]
    for place in dict.fromkeys(places):
        own = [row for row, its in zip(rows, places, strict=True) if its == place]
        base = [limit[tuple(row[key] for key in at)] for row in own]
        found[place] = {
            "p50": statistics.median(row["p50"] for row in own),
            "per_second": statistics.median(row["per_second"] for row in own),
            "p50_ratio": statistics.median(
                row["p50"] / other["p50"] for row, other in zip(own, base, strict=True)
            ),
            "per_second_ratio": statistics.median(
                row["per_second"] / other["per_second"]
                for row, other in zip(own, base, strict=True)
            ),
            "failed": sum(row["failed"] for row in own),
        }
    return found


def speed_goals(found: Medians) -> list[dict[str, Any]]:
    """Return the goals of the comparison: with plain uvicorn one by one, with peers as it comes."""
    goals = []
    for connections in CONNECTIONS:
        own = found[ONE_BY_ONE, ONE_BY_ONE, connections]
        where = f"{connections} connections"
        goals.append(goal(f"p50 to plain uvicorn, {where}", own["p50_ratio"], 1.3, "lower"))
        goals.append(goal(f"requests/s to plain uvicorn, {where}", own["per_second_ratio"], 0.8))
        own = found[BATCHING, BATCHING, connections]
        for peer in PEERS:
            if (BATCHING, peer, connections) in found:
                other = found[BATCHING, peer, connections]
                p50 = own["p50"] / other["p50"]
                goals.append(goal(f"p50 to {peer}, {where}, batching", p50, 1.0, "lower"))
                rate = own["per_second"] / other["per_second"]
                goals.append(goal(f"requests/s to {peer}, {where}, batching", rate, 1.0))
    batching = found[BATCHING, BATCHING, CONNECTIONS[-1]]["per_second_ratio"]
    goals.append(goal("requests/s to plain uvicorn, 16 connections, batching", batching, 1.15))
    goals.append(goal("failed requests", sum(row["failed"] for row in found.values()), 0, "lower"))
    return goals


def many_endpoints(
    server: Server, library: Library, models: list[Model], files: dict[str, bytes]
) -> dict[str, Any]:
    """Compare the memory of one endpoint and of many, each of which has answered."""

    def ask(name: str) -> None:
        address = f"{server.address}/api/endpoints/{name}/predict"
        deadline = time.monotonic() + 30
        # A service follows the catalog: one that has just started may not have looked yet.
        while (answer := httpx.post(address, files=files, timeout=60)).status_code == 404:
            if time.monotonic() > deadline:
                break
            time.sleep(0.2)
        answer.raise_for_status()

    ask(ENDPOINT)
    time.sleep(2)
    one = replica_megabytes()
    for number, model in enumerate(models):
        library.deploy(model.id, f"many-{number}")
    for number in range(len(models)):
        ask(f"many-{number}")
    time.sleep(2)
    many = replica_megabytes()
    for number in range(len(models)):
        library.undeploy(f"many-{number}")
    return {"one_endpoint_mb": one, "many_endpoints_mb": many, "endpoints": len(models)}


def cold(server: Server, names: list[str], files: dict[str, bytes]) -> dict[str, Any]:
    """Time first answers of models that are not loaded: the server holds one head at a time."""
    times = []
    with httpx.Client(base_url=server.address, timeout=60) as client:
        for name in names:
            begun = time.perf_counter()
            client.post(f"/api/endpoints/{name}/predict", files=files).raise_for_status()
            times.append((time.perf_counter() - begun) * 1000)
    times = times[1:]  # the first one also loads the backbones
    return {"median_ms": statistics.median(times), "largest_ms": max(times), "asked": len(times)}


def report(quick: bool, parts: Sequence[str], folder: Path) -> dict[str, Any]:
    """Measure the given parts."""
    sizes = QUICK if quick else SIZES
    environment = places_below(folder)
    library = library_below(folder)
    pictures, sounds = (
        [add_untrained(library, f"{name}.{given}", given) for name in ("lenet5", "lenet3")]
        for given in ("image", "audio")
    )
    models = [add_untrained_fusion(library, [pictures[0], sounds[0]], seed) for seed in range(4)]
    library.deploy(models[0].id, ENDPOINT)
    image, recording = picture(), sound()
    files = {"image": encode_image(image), "audio": wav(recording)}
    lua = script(folder, **files)
    pairs = list(product(pictures, sounds))
    more = [add_untrained_fusion(library, pairs[n % len(pairs)], 100 + n) for n in range(MANY)]
    rows: dict[str, Any] = {}
    peers = () if quick else PEERS
    goals = []
    if "requests" in parts:
        requests = []
        for name in (ONE_BY_ONE, BATCHING):
            with running(name, "plain uvicorn", *peers, environment=environment) as servers:
                requests += compare(name, servers, lua, sizes)
        found = medians(requests)
        goals += speed_goals(found)
        rows["requests"] = requests
        rows["medians"] = [
            {"part": part, "server": server, "connections": connections} | values
            for (part, server, connections), values in found.items()
        ]
    if "memory" in parts:
        with running(BATCHING, environment=environment) as servers:
            rows["memory"] = many_endpoints(servers[0], library, more, files)
        memory = rows["memory"]["many_endpoints_mb"] / rows["memory"]["one_endpoint_mb"]
        goals.append(
            goal(f"memory of {MANY} endpoints on four backbones, to one", memory, 1.3, "lower")
        )
    if "endurance" in parts:
        given: dict[str, Raw] = {"image": image, "audio": recording}
        with running(BATCHING, environment=environment) as servers:
            rows["endurance"] = endured = endure(
                servers[0].address,
                library,
                models,
                given,
                files,
                sizes["endurance"],
                sizes["redeploy"],
            )
        goals.append(goal("endurance: wrong answers", sum(endured["wrong"].values()), 0, "lower"))
        goals.append(
            goal("endurance: failed requests", sum(endured["failed"].values()), 0, "lower")
        )
        goals.append(goal("endurance: MB a minute", endured["megabytes_a_minute"], 1, "lower"))
    if "cold" in parts:
        names = [library.deploy(model.id, f"cold-{n}").name for n, model in enumerate(more)]
        with running("one head", environment=environment) as servers:
            rows["cold"] = cold(servers[0], names, files)
        slowest = rows["cold"]["largest_ms"]
        goals.append(goal("cold endpoint, slowest of all, ms", slowest, 50, "lower"))
    load_average = {"load_1_5_15_minutes": [round(value, 1) for value in os.getloadavg()]}
    return document(quick, sizes | load_average, rows, goals)


@contextmanager
def running(*names: str, environment: dict[str, str]) -> Iterator[list[Server]]:
    """Start servers, all at the same time."""
    with ExitStack() as these:
        yield [these.enter_context(started(name, ENDPOINT, environment)) for name in names]


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only prove that it runs")
    parser.add_argument("--json", type=Path, required=True, help="where to write the report")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure a part; repeatable")
    arguments = parser.parse_args()
    require_wrk()
    with tempfile.TemporaryDirectory() as folder:
        result = report(arguments.quick, arguments.only or PARTS, Path(folder))
    arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    for row in result["rows"].get("medians", []):
        print("  ".join(f"{v:.2f}" if isinstance(v, float) else str(v) for v in row.values()))
    for one in result["goals"]:
        print(f"{one['name']}: {one['value']} (goal {one['goal']}, met: {one['met']})")


if __name__ == "__main__":
    main()
