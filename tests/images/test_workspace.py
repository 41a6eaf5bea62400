"""Logins and files for a builder: private, beside the user's own, and gone afterwards."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from compose2fargate.aws.image_build import BuildSecret, ContextFile, ImageBuild
from compose2fargate.diagnostics import InputError
from compose2fargate.images.workspace import BuildWorkspace, missing_secrets, own_login, read_digest

BUILD = ImageBuild("web", "shop/web", "1", "linux/amd64", "/project/web")
OWN = {"auths": {"ghcr.io": {"auth": "eDp5"}}}


def read(file: str) -> Mapping[str, object]:
    assert os.stat(file).st_mode & 0o777 == 0o600
    held: dict[str, object] = json.loads(Path(file).read_text())
    return held


@pytest.mark.parametrize("builder", ["podman", "buildah"])
@pytest.mark.parametrize(
    ("variable", "path"),
    [
        ("REGISTRY_AUTH_FILE", "mine.json"),
        ("XDG_RUNTIME_DIR", "run/containers/auth.json"),
        ("HOME", ".config/containers/auth.json"),
        ("HOME", ".docker/config.json"),
        ("DOCKER_CONFIG", "docker/config.json"),
    ],
)
def test_the_users_own_logins_are_kept(variable: str, path: str, builder: str, tmp_path: Path) -> None:
    own = tmp_path / path
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text(json.dumps(OWN))
    value = (
        own if variable == "REGISTRY_AUTH_FILE" else own.parent if variable == "DOCKER_CONFIG" else tmp_path
    )
    value = tmp_path / "run" if variable == "XDG_RUNTIME_DIR" else value
    with BuildWorkspace() as workspace:
        given = workspace.log_in(builder, "ecr", "c2VjcmV0", {"HOME": str(tmp_path), variable: str(value)})
        assert read(given["REGISTRY_AUTH_FILE"]) == {
            "auths": {"ghcr.io": {"auth": "eDp5"}, "ecr": {"auth": "c2VjcmV0"}}
        }
    assert not os.path.exists(given["REGISTRY_AUTH_FILE"])
    assert json.loads(own.read_text()) == OWN


def test_dockers_other_files_are_linked(tmp_path: Path) -> None:
    own = tmp_path / ".docker"
    (own / "contexts").mkdir(parents=True)
    (own / "contexts" / "x").write_text("x")
    with BuildWorkspace() as workspace:
        given = workspace.log_in("docker", "ecr", "c2VjcmV0", {"HOME": str(tmp_path)})
        folder = Path(given["DOCKER_CONFIG"])
        assert (folder / "contexts" / "x").read_text() == "x"
        assert read(str(folder / "config.json")) == {"auths": {"ecr": {"auth": "c2VjcmV0"}}}
    assert (own / "contexts" / "x").exists()


@pytest.mark.parametrize("text", ["", "[]", "no json"])
def test_a_configuration_that_cannot_be_read_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text(text)
    with BuildWorkspace() as workspace:
        given = workspace.log_in("docker", "ecr", "c2VjcmV0", {"HOME": str(tmp_path)})
        assert read(f"{given['DOCKER_CONFIG']}/config.json") == {"auths": {"ecr": {"auth": "c2VjcmV0"}}}


def test_a_derived_image_gets_a_context_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text("a")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "x").write_text("b")
    build = BUILD._replace(
        context=None,
        dockerfile_text="FROM x\n",
        base="web",
        files=(
            ContextFile(str(tmp_path / "nginx.conf"), "etc/nginx.conf", mode=0o400),
            ContextFile(str(tmp_path / "conf.d"), "etc/conf.d"),
            ContextFile("", "run.sh", "echo\r\n", 0o755),
        ),
    )
    with BuildWorkspace() as workspace:
        places = workspace.place(build, {}, {"web": "registry/shop/web@sha256:0"})
        context = Path(places.context)
        assert places.base == "registry/shop/web@sha256:0"
        assert Path(places.dockerfile).read_text() == "FROM x\n"
        assert Path(places.dockerfile).parent != context
        assert (context / "etc" / "nginx.conf").stat().st_mode & 0o777 == 0o400
        assert (context / "etc" / "conf.d" / "x").read_text() == "b"
        assert (context / "run.sh").read_bytes() == b"echo\r\n"
        assert (context / "run.sh").stat().st_mode & 0o777 == 0o755
    assert not context.exists()


def test_a_file_that_has_gone_is_named() -> None:
    build = BUILD._replace(context=None, files=(ContextFile("/nowhere", "x"),))
    with BuildWorkspace() as workspace, pytest.raises(InputError, match="web: /nowhere cannot be copied"):
        workspace.place(build, {}, {})


def test_an_external_secret_cannot_be_given(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    secrets = (
        BuildSecret("far"),
        BuildSecret("file", file=str(tmp_path / "file")),
        BuildSecret("v", environment="V"),
    )
    found = list(missing_secrets(BUILD._replace(secrets=secrets), {"V": ""}))
    assert [d.message for d in found] == [
        "web: the build secret far cannot be given to the build: it is external"
    ]
    assert "environment: VARIABLE" in found[0].hint


@pytest.mark.parametrize("builder", ["docker", "podman"])
def test_a_digest_that_is_not_told_is_empty(builder: str, tmp_path: Path) -> None:
    assert read_digest(builder, str(tmp_path / "nothing")) == ""
    (tmp_path / "digest").write_text("sha256:0\n" if builder == "podman" else "{}")
    assert read_digest(builder, str(tmp_path / "digest")) == ("sha256:0" if builder == "podman" else "")


HELPER = """#!/bin/sh
[ "$1" = get ] && [ "$(cat)" = ghcr.io ] && echo '{"Username": "x", "Secret": "y"}'
"""


@pytest.mark.parametrize(
    ("config", "login"),
    [
        ({"auths": {"ghcr.io": {"auth": "eDp5"}}}, "eDp5"),
        ({"auths": {"ghcr.io": {}}, "credsStore": "x"}, "eDp5"),
        ({"credHelpers": {"ghcr.io": "x"}}, "eDp5"),
        ({"credHelpers": {"ghcr.io": "missing"}}, ""),
        ({"auths": {"other": {"auth": "eDp5"}}}, ""),
        ({}, ""),
    ],
)
def test_the_users_own_login_is_found(config: dict[str, object], login: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    helper = tmp_path / "docker-credential-x"
    helper.write_text(HELPER)
    helper.chmod(0o755)
    environment = {"DOCKER_CONFIG": str(tmp_path), "HOME": "/nowhere", "PATH": f"{tmp_path}:/usr/bin:/bin"}
    assert own_login("docker", "ghcr.io", environment) == login
    assert own_login("podman", "ghcr.io", environment) == login


def test_a_helper_that_knows_nothing_gives_no_login(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"credsStore": "x"}')
    helper = tmp_path / "docker-credential-x"
    helper.write_text(HELPER)
    helper.chmod(0o755)
    environment = {"DOCKER_CONFIG": str(tmp_path), "PATH": f"{tmp_path}:/usr/bin:/bin"}
    assert own_login("docker", "quay.io", environment) == ""
