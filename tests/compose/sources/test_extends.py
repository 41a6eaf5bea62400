from __future__ import annotations

from typing import Any

import pytest

from compose2fargate.compose.sources.extends import MAX_CHAIN
from compose2fargate.compose.sources.source_files import locate
from compose2fargate.diagnostics import LoadError
from tests.compose.conftest import LoadFiles


def web(loaded: Any) -> Any:
    return loaded.tree["services"]["web"]


def refused(load_files: LoadFiles, files: dict[str, str] | str) -> Any:
    with pytest.raises(LoadError) as caught:
        load_files(files)
    (found,) = caught.value.diagnostics
    assert found.code == "C2F157"
    return found


def test_a_service_starts_from_another_of_the_same_file(load_files: LoadFiles) -> None:
    loaded = load_files(
        "services:\n  web: {extends: base, labels: {b: 2}}\n  base: {image: i, labels: [a=1], command: x}\n"
    )
    assert web(loaded)["labels"] == {"a": "1", "b": "2"}
    assert web(loaded)["command"] == ["x"]
    assert "extends" not in web(loaded)
    assert [(d.path, d.reason) for d in loaded.dropped] == [
        (("services", "web", "extends"), "its service is merged in")
    ]


def test_a_chain_of_files_has_its_paths_resolved_from_each_file(load_files: LoadFiles) -> None:
    loaded = load_files(
        {
            "compose.yaml": "services: {web: {extends: {file: d/b.yaml, service: b}, volumes: ['./w:/w']}}",
            "d/b.yaml": "services: {b: {extends: {file: ../c/c.yaml, service: c}, build: ./b}}",
            "c/c.yaml": "services: {c: {extends: z, volumes: ['./c:/c']}, z: {env_file: c.env}}",
            "c/c.env": "FROM_FILE=1",
        }
    )
    here = loaded.working_dir
    assert web(loaded)["build"]["context"] == f"{here}/d/b"
    assert [mount["source"] for mount in web(loaded)["volumes"]] == [f"{here}/c/c", f"{here}/w"]
    assert web(loaded)["environment"] == {"FROM_FILE": "1"}
    assert loaded.files == ("compose.yaml", "d/b.yaml", "c/c.yaml", "c/c.env")


def test_keys_point_to_the_file_they_come_from(load_files: LoadFiles) -> None:
    loaded = load_files(
        {
            "compose.yaml": "services:\n  web:\n    extends: {file: b.yaml, service: b}\n    user: u\n",
            "b.yaml": "services:\n  b:\n    image: i\n    user: x\n",
        }
    )
    assert str(locate(loaded.marks, ("services", "web", "image"))) == "b.yaml:3:5"
    assert str(locate(loaded.marks, ("services", "web", "user"))) == "compose.yaml:4:5"


def test_a_problem_in_an_extended_file_says_how_it_got_there(load_files: LoadFiles) -> None:
    with pytest.raises(LoadError) as caught:
        load_files(
            {
                "compose.yaml": "services:\n  web:\n    extends: {file: b.yaml, service: b}\n",
                "b.yaml": "services:\n  b:\n    image: i\n    mem_limit: 1q\n",
            }
        )
    (found,) = caught.value.diagnostics
    assert str(found.location) == "b.yaml:4:5"
    assert found.trail == ("extended from compose.yaml:3:5",)


def test_reset_and_override_apply_to_what_is_extended(load_files: LoadFiles) -> None:
    loaded = load_files(
        "services:\n"
        "  web: {extends: base, ports: !override [90], labels: !reset {}}\n"
        "  base: {image: i, ports: [80], labels: {a: 1}}\n"
    )
    assert [port["target"] for port in web(loaded)["ports"]] == [90]
    assert "labels" not in web(loaded)


def test_files_that_are_extended_are_not_checked_for_their_other_services(load_files: LoadFiles) -> None:
    loaded = load_files(
        {
            "compose.yaml": "services: {web: {extends: {file: b.yaml, service: b}}}",
            "b.yaml": "services: {b: {image: i}, broken: {nonsense: 1}}\nunknown: 1\n",
        }
    )
    assert web(loaded)["image"] == "i"


def test_a_service_that_is_null_gives_nothing(load_files: LoadFiles) -> None:
    loaded = load_files(
        {
            "compose.yaml": "services: {web: {image: i, extends: {file: b.yaml, service: b}}}",
            "b.yaml": "services: {b: }",
        }
    )
    assert web(loaded)["image"] == "i"


def test_a_service_that_is_not_there_is_named_with_those_that_are(load_files: LoadFiles) -> None:
    found = refused(load_files, "services:\n  web: {extends: bas}\n  base: {image: i}\n")
    assert str(found.location) == "compose.yaml:2:9"
    assert "base" in found.hint


@pytest.mark.parametrize(
    "extends",
    ["", "[a]", "3", "{file: b.yaml}", "{file: 3, service: a}", "{service: 3}"],
)
def test_extends_without_a_service_is_refused(extends: str, load_files: LoadFiles) -> None:
    found = refused(
        load_files, f"services:\n  web:\n    image: i\n    extends: {extends}\n  a: {{image: i}}\n"
    )
    assert found.location.line == 4


@pytest.mark.parametrize("text", ["services: [web]", "services: ", "services: {web: {extends: a}, a: i}"])
def test_services_that_are_no_mappings_are_refused(text: str, load_files: LoadFiles) -> None:
    assert "must be a mapping" in refused(load_files, text).message


def test_a_file_without_services_cannot_be_extended(load_files: LoadFiles) -> None:
    found = refused(
        load_files,
        {
            "compose.yaml": "services: {web: {image: i, extends: {file: b.yaml, service: b}}}",
            "b.yaml": "volumes: {v: }",
        },
    )
    assert "b.yaml" in found.message


@pytest.mark.parametrize(
    "file", ["oci://r/x", "https://github.com/a/b.git", "git@github.com:a/b", "github.com/a/b"]
)
def test_remote_files_are_refused_and_not_fetched(file: str, load_files: LoadFiles) -> None:
    found = refused(load_files, f"services: {{web: {{image: i, extends: {{file: '{file}', service: a}}}}}}")
    assert "remote" in found.message


def test_a_file_that_is_not_there_is_an_error(load_files: LoadFiles) -> None:
    with pytest.raises(LoadError, match=r"no\.yaml"):
        load_files("services: {web: {image: i, extends: {file: no.yaml, service: a}}}")


@pytest.mark.parametrize(
    "files",
    [
        {"compose.yaml": "services: {web: {image: i, extends: web}}"},
        {"compose.yaml": "services: {web: {image: i, extends: a}, a: {extends: web}}"},
        {"compose.yaml": "services: {web: {image: i, extends: {file: compose.yaml, service: web}}}"},
        {
            "compose.yaml": "services: {web: {image: i, extends: {file: b.yaml, service: b}}}",
            "b.yaml": "services: {b: {extends: {file: compose.yaml, service: web}}}",
        },
    ],
)
def test_services_that_extend_each_other_in_a_circle_are_refused(
    files: dict[str, str], load_files: LoadFiles
) -> None:
    found = refused(load_files, files)
    assert "extends itself" in found.message
    assert "->" in found.message


def test_a_chain_that_is_too_long_is_refused(load_files: LoadFiles) -> None:
    def chain(length: int) -> str:
        links = [f"  s{n}: {{extends: s{n + 1}}}" for n in range(length)]
        return "\n".join(["services:", *links, f"  s{length}: {{image: i}}"])

    assert load_files(chain(MAX_CHAIN - 1)).tree["services"]["s0"]["image"] == "i"
    with pytest.raises(LoadError) as caught:
        load_files(chain(MAX_CHAIN + 2))
    assert f"more than {MAX_CHAIN}" in caught.value.diagnostics[0].message


@pytest.mark.parametrize(
    "body",
    [
        "build: 3",
        "depends_on: 3",
        "depends_on: {db: }",
        "env_file: 3",
        "gpus: 3",
        "ports: 80",
        "volumes: [3]",
        "secrets: [3]",
        "configs: [3]",
        "ulimits: {a: x}",
        "environment: 3",
        "labels: [3]",
        "networks: 3",
        "logging: x",
        "devices: [3]",
        "expose: {}",
        "deploy: []",
        "healthcheck: x",
        "profiles: x",
        "volumes: {a: b}",
        "develop: {watch: x}",
    ],
)
def test_an_extended_file_is_only_checked_once_it_is_merged_and_still_located(
    body: str, load_files: LoadFiles
) -> None:
    with pytest.raises(LoadError) as caught:
        load_files(
            {
                "compose.yaml": "services:\n  web:\n    extends: {file: b.yaml, service: b}\n",
                "b.yaml": f"services:\n  b:\n    image: i\n    {body}\n",
            }
        )
    assert {d.location.line for d in caught.value.diagnostics if d.location} == {4}
    assert all(d.trail == ("extended from compose.yaml:3:5",) for d in caught.value.diagnostics)
