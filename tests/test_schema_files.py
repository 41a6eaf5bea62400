"""The schemas are found in a checkout and in an installed wheel."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from compose2fargate.schema_files import read_schema

REPOSITORY = Path(__file__).parents[1]
SCHEMA = REPOSITORY / "schemas" / "compose.schema.json"


def test_a_checkout_has_its_schemas_beside_the_package() -> None:
    assert read_schema("compose") == json.loads(SCHEMA.read_text("utf-8"))


def test_a_schema_that_does_not_exist_is_named_in_the_error() -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.schema\.json"):
        read_schema("nothing")


@pytest.mark.slow
def test_a_wheel_brings_its_schemas_inside_the_package(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    program = "import json; from compose2fargate.schema_files import read_schema; print(json.dumps(read_schema('compose')))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=site,
        env={"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == json.loads(SCHEMA.read_text("utf-8"))
    assert (site / "compose2fargate" / "schemas" / SCHEMA.name).is_file()
