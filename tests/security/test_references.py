"""Image references are held against their grammar wherever they come from, and Dockerfiles that we write say what was meant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compose2fargate.compose.dockerfile.dockerfile_lines import read_instructions
from compose2fargate.mapping.files.file_plan import MountedFile
from compose2fargate.mapping.files.host_files import HostFile
from compose2fargate.mapping.images.derived_images import derived_dockerfile
from compose2fargate.text.image_reference import is_reference
from tests.conftest import Program
from tests.security.hostile import GOOD_REFERENCES, REFERENCES, TEXTS

PLACES = {
    "image": "services: {{web: {{image: {0}}}}}",
    "tag of a build": "services: {{web: {{build: {{context: ., tags: [{0}]}}}}}}",
    "mount": "services: {{web: {{image: a, volumes: [{{type: image, source: {0}, target: /x}}]}}}}",
    "init image": "services: {{web: {{image: a}}}}\nx-fargate: {{init_image: {0}}}",
    "log router": "services: {{web: {{image: a}}}}\nx-fargate: {{log_router_image: {0}}}",
    "patch": "services: {{web: {{image: a, x-fargate: {{patch: {{container: {{image: {0}}}}}}}}}}}",
    "FROM": "services: {{web: {{build: {{context: ., dockerfile_inline: {0}}}}}}}",
}
"""Where a reference may be written in a compose file."""


@pytest.mark.parametrize("text", REFERENCES)
def test_what_is_no_reference(text: str) -> None:
    assert not is_reference(text)


@pytest.mark.parametrize("text", GOOD_REFERENCES)
def test_what_is_one(text: str) -> None:
    assert is_reference(text)


@pytest.mark.parametrize("place", PLACES)
def test_it_is_refused_wherever_it_comes_from(place: str, program: Program, tmp_path: Path) -> None:
    for text in ("nginx:1\nRUN touch /pwned\n", "Nginx", "a$$(x)", "nginx:1 x y z"):
        value = f"FROM {text}" if place == "FROM" else text
        (tmp_path / "compose.yaml").write_text(PLACES[place].format(json.dumps(value)), encoding="utf-8")
        done = program(
            "convert", "-t", "json", "-o", "out", "--region", "eu-central-1", "--force", cwd=tmp_path
        )
        if place == "FROM" and "\n" in text:  # two instructions, as their author wrote them
            continue
        assert "compose.yaml:" in done.err
        if (
            place == "FROM"
        ):  # the user's own Dockerfile, of which nothing is copied: the builder has the last word
            assert "C2F180: " in done.err
            continue
        assert done.status in (1, 2), (text, done.err)
        assert not (tmp_path / "out").exists()


def test_an_option_is_refused_too(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {image: a}}", encoding="utf-8")
    for flag in (
        "--image=web=a b",
        "--registry=a b",
        "--tag=a b",
        "--init-image=a\nRUN x",
        "--region=$(x)",
        "--subnet=--x",
    ):
        done = program("convert", "-o", "out", flag, cwd=tmp_path)
        assert done.status in (1, 2), (flag, done.err)


@pytest.mark.parametrize("text", TEXTS)
def test_a_derived_dockerfile_holds_the_instructions_that_were_meant(text: str) -> None:
    """Whatever stands in a path, an owner or an image: read again, there is one instruction for each file."""
    files = (
        MountedFile(
            (), f"/target/{text}", f"/project/{text}", None, owner=text, mode=text, found=HostFile("file")
        ),
        MountedFile(
            (), f"/mounted/{text}", f"/project/b{text}", None, found=HostFile("folder"), mounted=True
        ),
        MountedFile((), f"/of/{text}", image=text, subpath=text),
    )
    made, _, errors = read_instructions(derived_dockerfile("web", text, "/project", files, {}))
    assert not errors
    words = [one.keyword for one in made]
    copies = 2 + is_reference(text)
    assert words == ["ARG", "FROM", *["COPY"] * copies, "VOLUME"]
