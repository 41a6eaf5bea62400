"""Time and memory of whole runs, as ratios to what something else takes on the same machine.

`convert` is held against `config` of Docker Compose, a whole run of another program over the same file, where its binary is there.
Against loading YAML alone the same commit measured 4.5 on one kind of processor and 6.0 on another: what a loop over 100 kB of text
gains from a processor says little about a run that fills 70 MB. Where there is no binary, that is what is left.

Time is processor time: the program has one thread and waits for nothing, so on a quiet machine that is the time it takes,
and on a busy one it is what can be compared.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest

from tests.benchmark.generator import project
from tests.measured import PROGRAM, Measured, measure

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]

SIZES = (1, 10, 100, 1000, 5000)
ROUNDS = {1: 15, 10: 7, 100: 5, 1000: 5, 5000: 2}
"""How often each size runs; the best counts, being the one that was disturbed least."""

TOLERANCE = float(os.environ.get("BENCHMARK_TOLERANCE", "1.25"))
"""The limits below are what is aimed at on a quiet machine; shared ones measure this much worse."""

COMMANDS = {
    "convert": ("convert", "--target", "json", "--quiet", "--output", "out"),
    "config": ("config", "--format", "json"),
}
ORACLE = os.environ.get("COMPOSE_ORACLE", "")
"""Docker Compose's binary."""
COMPOSE_LIMITS = {1: 4.0, 10: 2.5, 100: 1.3, 1000: 0.9}
"""`convert` of so many services, in units of `config` of Docker Compose. For a hundred 1.0 is the aim."""
AGAINST_YAML = ("config",) if ORACLE else ("convert", "config")
START_LIMITS = {"convert": 4.0, "config": 3.0}
"""One service, in units of `python -c "import yaml"`."""
LOAD_LIMITS = {"convert": 4.0, "config": 3.0}
"""A thousand services, in units of `yaml.load` of the same file with `CSafeLoader`."""
GROWTH_LIMIT = 6.5
"""Five times the services."""
CHECK_LIMIT = 1.2
"""Checking a hundred services, in units of converting them."""
TERRAFORM_LIMIT = 2.0
"""Terraform for a thousand services, in units of the json target."""
PEAK_LIMIT = 200.0
"""Mebibytes for a thousand services."""

_LOAD = """
import sys, time, yaml
with open(sys.argv[1], encoding="utf-8") as file:
    text = file.read()
count, begin = 0, time.process_time()
while count == 0 or time.process_time() - begin < 0.5:
    yaml.load(text, Loader=yaml.CSafeLoader)
    count += 1
print((time.process_time() - begin) / count)
"""


class Timing(NamedTuple):
    """The best run of one size: seconds of the program's commands and of the measures; the highest peaks in MiB.

    `compose` is 0 where there is no binary.
    """

    services: int
    seconds: dict[str, float]
    peaks: dict[str, float]
    start: float
    load: float
    compose: float


def fresh(folder: Path, command: Sequence[str], scratch: Path) -> Measured:
    """Run where no earlier output stands: comparing with old files is not what is measured."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    run = measure(command, cwd=folder, scratch=scratch)
    assert run.status == 0, run.err[-2000:]
    return run


def timing(services: int, folder: Path, scratch: Path) -> Timing:
    file = folder / "compose.yaml"
    file.write_text(project(services), encoding="utf-8")
    # Docker Compose 5 reads 100,000 values of a document at most, and 2.40 any number.
    dialect = ["--compose-version", "2.40"] if services > 4000 else []
    commands: dict[str, Callable[[], Measured]] = {
        name: lambda arguments=arguments: fresh(folder, [*PROGRAM, *arguments, *dialect], scratch)  # type: ignore[misc]
        for name, arguments in COMMANDS.items()
    }
    commands["start"] = lambda: fresh(folder, [sys.executable, "-c", "import yaml"], scratch)
    commands["load"] = lambda: fresh(folder, [sys.executable, "-c", _LOAD, str(file)], scratch)
    if ORACLE:
        compose = (ORACLE, "-f", file.name, "config", "--format", "json")
        commands["compose"] = lambda: fresh(folder, compose, scratch)
    # In turns, so that a slow moment of the machine meets them all.
    rounds = [{name: run() for name, run in commands.items()} for _ in range(ROUNDS[services])]
    return Timing(
        services,
        {name: min(r[name].processor for r in rounds) for name in COMMANDS},
        {name: max(r[name].peak for r in rounds) for name in COMMANDS},
        min(r["start"].processor for r in rounds),
        min(float(r["load"].out) for r in rounds),
        min(r["compose"].processor for r in rounds) if ORACLE else 0,
    )


def table(timings: dict[int, Timing]) -> Iterator[str]:
    yield f"{'services':>8} {'command':<8} {'seconds':>8} {'/ import yaml':>14} {'/ yaml.load':>12} {'/ compose':>10} {'peak MiB':>9}"
    for taken in timings.values():
        for name, seconds in taken.seconds.items():
            yield (
                f"{taken.services:>8} {name:<8} {seconds:>8.3f} {seconds / taken.start:>14.2f} "
                f"{seconds / taken.load:>12.2f} {seconds / taken.compose if taken.compose else 0:>10.2f} {taken.peaks[name]:>9.0f}"
            )


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    """A folder in memory where the system has that: making thousands of files takes some disks seconds."""
    shared = "/dev/shm"
    with TemporaryDirectory(dir=shared if os.path.isdir(shared) else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def timings(memory: Path) -> dict[int, Timing]:
    found = {}
    for services in SIZES:
        folder, scratch = memory / f"project-{services}", memory / f"scratch-{services}"
        folder.mkdir()
        scratch.mkdir()
        found[services] = timing(services, folder, scratch)
    print("\n", *table(found), sep="\n")
    return found


def test_a_generated_project_is_the_same_each_time_and_as_large_as_asked() -> None:
    import yaml

    for services in (1, 10, 100):
        text = project(services)
        assert text == project(services)
        assert len(yaml.safe_load(text)["services"]) == services


@pytest.mark.skipif(not ORACLE, reason="COMPOSE_ORACLE does not name a docker-compose binary")
@pytest.mark.parametrize("services", COMPOSE_LIMITS)
def test_converting_takes_what_docker_compose_takes_to_print(
    services: int, timings: dict[int, Timing]
) -> None:
    taken = timings[services]
    assert taken.seconds["convert"] / taken.compose <= COMPOSE_LIMITS[services] * TOLERANCE


@pytest.mark.parametrize("command", AGAINST_YAML)
def test_one_service_takes_a_few_times_what_importing_yaml_takes(
    command: str, timings: dict[int, Timing]
) -> None:
    one = timings[1]
    assert one.seconds[command] / one.start <= START_LIMITS[command] * TOLERANCE


@pytest.mark.parametrize("command", AGAINST_YAML)
def test_a_thousand_services_take_a_few_times_what_loading_the_yaml_takes(
    command: str, timings: dict[int, Timing]
) -> None:
    thousand = timings[1000]
    assert thousand.seconds[command] / thousand.load <= LOAD_LIMITS[command] * TOLERANCE


@pytest.mark.parametrize("command", COMMANDS)
def test_time_grows_with_the_number_of_services(command: str, timings: dict[int, Timing]) -> None:
    growth = timings[5000].seconds[command] / timings[1000].seconds[command]
    assert growth <= GROWTH_LIMIT * TOLERANCE


@pytest.mark.parametrize("command", COMMANDS)
def test_a_thousand_services_fit_into_memory(command: str, timings: dict[int, Timing]) -> None:
    assert timings[1000].peaks[command] <= PEAK_LIMIT


def test_checking_takes_hardly_longer_than_converting(memory: Path) -> None:
    folder, scratch = memory / "check", memory / "scratch-check"
    folder.mkdir()
    scratch.mkdir()
    (folder / "compose.yaml").write_text(project(100), encoding="utf-8")
    rounds = []
    for _ in range(7):
        convert = fresh(folder, [*PROGRAM, *COMMANDS["convert"]], scratch)
        check = measure([*PROGRAM, "check", "out"], cwd=folder, scratch=scratch)
        assert check.status == 0, check.out
        rounds.append((convert.processor, check.processor))
    converting, checking = (min(times) for times in zip(*rounds, strict=True))
    print(f"\nconvert {converting:.3f} s, check {checking:.3f} s: {checking / converting:.2f}")
    assert checking <= CHECK_LIMIT * converting


def test_terraform_for_a_thousand_services_takes_at_most_twice_what_json_takes(memory: Path) -> None:
    folder, scratch = memory / "terraform-1000", memory / "terraform-scratch"
    folder.mkdir()
    scratch.mkdir()
    (folder / "compose.yaml").write_text(project(1000), encoding="utf-8")
    commands = {
        target: [*PROGRAM, "convert", "--target", target, "--quiet", "--output", "out"]
        for target in ("json", "terraform")
    }
    rounds = [
        {target: fresh(folder, command, scratch) for target, command in commands.items()} for _ in range(3)
    ]
    seconds = {target: min(r[target].processor for r in rounds) for target in commands}
    print(f"\nterraform / json, 1000 services: {seconds['terraform'] / seconds['json']:.2f}")
    assert seconds["terraform"] / seconds["json"] <= TERRAFORM_LIMIT * TOLERANCE
