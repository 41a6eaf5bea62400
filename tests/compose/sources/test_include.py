from __future__ import annotations

from typing import Any

import pytest

from compose2fargate.compose.sources.include import MAX_DEPTH
from compose2fargate.compose.sources.source_files import locate
from compose2fargate.diagnostics import LoadError
from tests.compose.conftest import LoadFiles


def refused(load_files: LoadFiles, files: dict[str, str], code: str = "C2F163", **options: Any) -> Any:
    with pytest.raises(LoadError) as caught:
        load_files(files, **options)
    (found,) = caught.value.diagnostics
    assert found.code == code
    return found


def test_an_included_file_has_its_own_directory_and_variables(load_files: LoadFiles) -> None:
    loaded = load_files(
        {
            "compose.yaml": "include: [sub/inc.yaml]\nservices: {web: {image: 'i${TAG-}'}}",
            "sub/inc.yaml": "services: {db: {image: 'x${TAG}', volumes: ['./d:/d'], environment: [TAG, NOT]}}",
            "sub/.env": "TAG=9",
        }
    )
    services = loaded.tree["services"]
    assert services["web"]["image"] == "i"
    assert services["db"]["image"] == "x9"
    assert services["db"]["environment"] == {"NOT": None, "TAG": "9"}
    assert services["db"]["volumes"][0]["source"] == f"{loaded.working_dir}/sub/d"


def test_the_variables_of_the_project_win_over_those_of_the_include(load_files: LoadFiles) -> None:
    loaded = load_files(
        {
            "compose.yaml": "include: [sub/inc.yaml]",
            "sub/inc.yaml": "services: {db: {image: 'x${T}'}}",
            "sub/.env": "T=9",
        },
        env={"T": "1"},
    )
    assert loaded.tree["services"]["db"]["image"] == "x1"


def test_the_long_form_names_files_directory_and_variables(load_files: LoadFiles) -> None:
    loaded = load_files(
        {
            "compose.yaml": "include: [{path: [a.yaml, b.yaml], project_directory: sub, env_file: [e.env, f.env]}]",
            "a.yaml": "services: {db: {image: '$A$B', build: ./x}}",
            "b.yaml": "services: {db: {user: u}}",
            "e.env": "A=1",
            "f.env": "B=${A}2",
            "sub/keep": "",
        }
    )
    db = loaded.tree["services"]["db"]
    assert (db["image"], db["user"], db["build"]["context"]) == ("112", "u", f"{loaded.working_dir}/sub/x")


def test_includes_of_includes_resolve_from_where_they_are(load_files: LoadFiles) -> None:
    loaded = load_files(
        {
            "compose.yaml": "include: [a/a.yaml]",
            "a/a.yaml": "include: [b/b.yaml]\nservices: {a: {build: ./x}}",
            "a/b/b.yaml": "services: {b: {build: ./y}}",
        }
    )
    contexts = {name: s["build"]["context"] for name, s in loaded.tree["services"].items()}
    assert contexts == {"a": f"{loaded.working_dir}/a/x", "b": f"{loaded.working_dir}/a/b/y"}
    assert loaded.files == ("compose.yaml", "a/a.yaml", "a/b/b.yaml")
    assert str(locate(loaded.marks, ("services", "b", "build"))) == "a/b/b.yaml:1:16"


def test_paths_of_included_files_are_relative_when_paths_are_not_resolved(load_files: LoadFiles) -> None:
    loaded = load_files(
        {
            "compose.yaml": "include: [sub/inc.yaml]",
            "sub/inc.yaml": "services: {db: {image: i, volumes: ['./d:/d']}}",
        },
        resolve_paths=False,
    )
    assert loaded.tree["services"]["db"]["volumes"][0]["source"] == "sub/d"


def test_a_file_may_be_merged_over_what_is_included(load_files: LoadFiles) -> None:
    loaded = load_files(
        {
            "compose.yaml": "include: [inc.yaml]",
            "inc.yaml": "services: {db: {image: i}}\nx-mine: 1",
            "o.yaml": "services: {db: {image: j}}",
        }
    )
    assert loaded.tree["services"]["db"]["image"] == "j"
    assert "x-mine" not in loaded.tree


def test_the_same_resource_may_come_twice(load_files: LoadFiles) -> None:
    loaded = load_files(
        {"compose.yaml": "include: [inc.yaml, inc.yaml]", "inc.yaml": "services: {db: {image: i}}"}
    )
    assert list(loaded.tree["services"]) == ["db"]


def test_in_2_40_different_resources_of_one_name_are_refused_with_both_places(load_files: LoadFiles) -> None:
    found = refused(
        load_files,
        {
            "compose.yaml": "include: [inc.yaml]\nservices: {db: {image: i}}",
            "inc.yaml": "services: {db: {image: j}}",
        },
        compose_version="2.40",
    )
    assert str(found.location) == "compose.yaml:2:12"
    assert "inc.yaml:1:12" in found.message


def test_problems_in_included_files_say_how_they_got_there(load_files: LoadFiles) -> None:
    found = refused(
        load_files,
        {
            "compose.yaml": "include:\n  - a.yaml\n",
            "a.yaml": "include:\n  - b.yaml\n",
            "b.yaml": "services: {b: {image: i, ports: [x]}}",
        },
        "C2F153",
    )
    assert found.trail == ("included from a.yaml:2:5", "included from compose.yaml:2:5")


@pytest.mark.parametrize(
    "include", ["a.yaml", "[3]", "[{path: 3}]", "[{path: [1]}]", "[{path: a.yaml, project_directory: [x]}]"]
)
def test_what_names_no_file_is_refused(include: str, load_files: LoadFiles) -> None:
    found = refused(
        load_files,
        {"compose.yaml": f"include: {include}\nservices: {{w: {{image: i}}}}", "a.yaml": "services: {}"},
    )
    assert found.location.line == 1


@pytest.mark.parametrize("include", ["", "[]", "[{path: []}]", "[{project_directory: x}]"])
def test_nothing_to_include_is_no_error(include: str, load_files: LoadFiles) -> None:
    assert load_files(f"include: {include}\nservices: {{w: {{image: i}}}}").tree["services"].keys() == {"w"}


def test_files_that_include_each_other_in_a_circle_are_refused(load_files: LoadFiles) -> None:
    found = refused(load_files, {"compose.yaml": "include: [a.yaml]", "a.yaml": "include: [compose.yaml]"})
    assert "compose.yaml -> a.yaml -> compose.yaml" in found.message


def test_files_that_include_too_deep_are_refused(load_files: LoadFiles) -> None:
    files = {f"f{n}.yaml": f"include: [f{n + 1}.yaml]" for n in range(MAX_DEPTH + 1)}
    found = refused(load_files, {"compose.yaml": "include: [f0.yaml]", **files})
    assert str(MAX_DEPTH) in found.message


@pytest.mark.parametrize("path", ["oci://r/x:1", "https://github.com/a/b.git", "git@github.com:a/b.git"])
def test_remote_files_are_refused_and_not_fetched(path: str, load_files: LoadFiles) -> None:
    assert "remote" in refused(load_files, {"compose.yaml": f"include: ['{path}']"}).message


def test_an_artifact_of_a_registry_is_refused_with_the_command_that_copies_it(load_files: LoadFiles) -> None:
    for text in (
        "include: ['oci://r/x:1;id']",
        "services: {a: {image: i, extends: {file: 'oci://r/x:1;id', service: x}}}",
    ):
        with pytest.raises(LoadError) as caught:
            load_files({"compose.yaml": text})
        (found,) = caught.value.diagnostics
        assert "only git repositories are fetched" in found.message
        assert "docker compose -f 'oci://r/x:1;id' config" in found.hint


@pytest.mark.parametrize(
    ("path", "way_out"),
    [("oci://r/x:1", "docker compose -f oci://r/x:1 config"), ("https://github.com/a/b.git", "include: [")],
)
def test_a_project_file_that_is_remote_is_refused_with_a_way_out(
    path: str, way_out: str, load_files: LoadFiles
) -> None:
    with pytest.raises(LoadError) as caught:
        load_files({"compose.yaml": "services: {a: {image: i}}"}, compose_files=(path,))
    (found,) = caught.value.diagnostics
    assert found.code == "C2F101"
    assert found.message.startswith(f"{path} is remote")
    assert way_out in found.hint


def test_a_missing_env_file_is_an_error(load_files: LoadFiles) -> None:
    refused(
        load_files,
        {
            "compose.yaml": "include: [{path: a.yaml, env_file: no.env}]",
            "a.yaml": "services: {a: {image: i}}",
        },
        "C2F164",
    )


def test_a_section_that_is_no_mapping_cannot_take_what_is_included(load_files: LoadFiles) -> None:
    found = refused(
        load_files, {"compose.yaml": "include: [a.yaml]\nvolumes: [x]", "a.yaml": "volumes: {v: }"}
    )
    assert found.location.line == 2


def test_a_config_of_a_variable_cannot_be_included(load_files: LoadFiles) -> None:
    files = {"compose.yaml": "include: [inc.yaml]", "inc.yaml": "configs: {c: {environment: HOME}}"}
    found = refused(load_files, files, "C2F156")
    assert (found.path, found.hint) == (
        ("configs", "c", "environment"),
        'write `content: "${HOME}"` instead',
    )


def test_the_value_of_an_included_secret_stays_where_it_is(load_files: LoadFiles) -> None:
    text = "services: {a: {image: x, secrets: [s]}}\nsecrets: {s: {environment: TOKEN}}"
    loaded = load_files({"compose.yaml": "include: [inc.yaml]", "inc.yaml": text}, env={"TOKEN": "hush"})
    assert loaded.tree["secrets"] == {"s": {"name": "app_s", "environment": "TOKEN"}}


@pytest.mark.parametrize("entry", ["{env_file: none.env}", "{path: [], env_file: none.env}"])
def test_the_env_files_of_an_entry_without_a_file_must_exist(entry: str, load_files: LoadFiles) -> None:
    found = refused(
        load_files, {"compose.yaml": f"include: [{entry}]\nservices: {{a: {{image: x}}}}"}, "C2F164"
    )
    assert found.message == "none.env does not exist"


@pytest.mark.parametrize(
    ("entry", "image"),
    [
        ("{path: no/../s.yaml}", "x:none"),
        ("{path: s.yaml, env_file: no/../e.env}", "x:named"),
        ("{path: s.yaml, project_directory: no/../q}", "x:below"),
    ],
)
def test_paths_are_tidied_before_a_file_is_looked_for(entry: str, image: str, load_files: LoadFiles) -> None:
    loaded = load_files(
        {
            "compose.yaml": f"include: [{entry}]",
            "s.yaml": "services: {s: {image: 'x:${A-none}'}}",
            "e.env": "A=named",
            "q/.env": "A=below",
        }
    )
    assert loaded.tree["services"]["s"]["image"] == image


def test_the_null_device_is_an_env_file_without_variables(load_files: LoadFiles) -> None:
    files = {
        "compose.yaml": "include: [{path: a/a.yaml, env_file: [/dev/null, e.env]}]",
        "a/a.yaml": "services: {a: {image: 'i:${A-none}-${B-none}'}}",
        "a/.env": "A=beside",
        "e.env": "B=b",
    }
    assert load_files(files).tree["services"]["a"]["image"] == "i:none-b"
