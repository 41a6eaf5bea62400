from __future__ import annotations

from pathlib import Path

import pytest

from compose2fargate.aws.api_values import BuiltImage, Ref
from compose2fargate.aws.image_build import BASE_ARG, ImageBuild
from compose2fargate.aws.resources import Repository
from compose2fargate.diagnostics import Severity
from compose2fargate.emitters.derived_dockerfiles import derived_dockerfiles
from tests.mapping.conftest import Translate
from tests.mapping.containers.test_task_definitions import codes, container


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project folder with files to mount."""
    files = {
        "conf/app.toml": "a = 1\n", "conf/.env": "TOKEN=canary\n", "conf/id_rsa": "canary", "conf/.env.example": "TOKEN=\n",
        "conf/cache/x": "x", "conf/.git/HEAD": "ref", "api/Dockerfile": "FROM alpine\n", "password.txt": "canary",
    }  # fmt: skip
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    return tmp_path


def derived(made: object) -> ImageBuild:
    return next(b for b in made.translation.builds if b.dockerfile_text)  # type: ignore[attr-defined, no-any-return]


@pytest.mark.usefixtures("folder")
def test_an_image_derives_from_the_one_in_the_file(translated: Translate, folder: Path) -> None:
    made = translated("services: {web: {image: 'nginx:1', volumes: ['./conf/app.toml:/etc/app.toml:ro']}}")
    build = derived(made)
    assert (build.base, build.repository, build.tag, build.key) == (None, "shop/web", "", "web")
    assert build.args == {BASE_ARG: "nginx:1"}
    assert [(f.source, f.path) for f in build.files] == [(str(folder / "conf/app.toml"), "conf/app.toml")]
    assert build.dockerfile_text is not None
    assert build.dockerfile_text.splitlines()[1:] == [
        "ARG COMPOSE2FARGATE_BASE=nginx:1",
        "FROM ${COMPOSE2FARGATE_BASE}",
        'COPY ["conf/app.toml", "/etc/app.toml"]',
    ]
    assert container(made).image == BuiltImage(Ref("repository/web", "uri"), "web", "latest")
    assert isinstance(made.translation.stack.resources["repository/web"], Repository)


@pytest.mark.usefixtures("folder")
def test_an_image_built_here_is_built_first(translated: Translate) -> None:
    made = translated(
        "services: {web: {build: {context: ./api, args: {A: b}, target: '', shm_size: 64m, extra_hosts: {h: 1.2.3.4},"
        " ulimits: {nofile: {soft: 1, hard: 2}}, cache_from: [x], tags: [y], secrets: [s]}, platform: linux/arm64,"
        " volumes: ['./conf/app.toml:/a.toml']}}\nsecrets: {s: {file: ./password.txt}}"
    )
    first, second = made.translation.builds
    assert (first.key, second.key, second.base) == ("web", "web+files", "web")
    assert (first.tag, second.tag) == ("", "")
    assert first.repository == second.repository == "shop/web"
    assert (first.args, first.shm_size, first.extra_hosts) == ({"A": "b"}, 67108864, ("h=1.2.3.4",))
    assert (first.ulimits, first.cache_from, first.tags) == ({"nofile": "1:2"}, ("x",), ("y",))
    assert (first.secrets[0].id, first.platform) == ("s", "linux/arm64")
    assert str(first.secrets[0].file).endswith("password.txt")
    assert container(made).image == BuiltImage(Ref("repository/web", "uri"), "web", "latest-files")


@pytest.mark.usefixtures("folder")
def test_the_image_of_another_service_is_the_base(translated: Translate) -> None:
    made = translated(
        "services:\n  api: {build: ./api, image: app}\n  web: {image: app, volumes: ['./conf/app.toml:/a.toml']}"
    )
    assert derived(made).base == "api"


@pytest.mark.usefixtures("folder")
def test_what_is_secret_or_hidden_stays_outside(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a, secrets: [pw], volumes: ['./conf:/conf:ro', '/conf/cache', './password.txt:/pw:ro']}}\n"
        "secrets: {pw: {file: ./password.txt}}"
    )
    build = derived(made)
    assert [f.path for f in build.files] == ["conf/.env.example", "conf/app.toml"]
    assert build.ignore.splitlines() == [
        "**", "!conf", "conf/.env", "conf/.git", "conf/cache", "conf/id_rsa",
    ]  # fmt: skip
    assert [d.path[-1] for d in made.diagnostics if d.code == "C2F288"] == [0, 2]


@pytest.mark.usefixtures("folder")
def test_the_whole_project_is_copied_without_what_we_wrote(translated: Translate, folder: Path) -> None:
    text = "services: {web: {image: a, volumes: ['.:/srv']}}\nsecrets: {x: {file: ./password.txt}}"
    before = derived(translated(text))
    (folder / "fargate").mkdir()
    (folder / "fargate" / "compose2fargate.json").write_text("{}", encoding="utf-8")
    after = derived(translated(text))
    assert (before.dockerfile_text, before.ignore) == (after.dockerfile_text, after.ignore)
    assert before.dockerfile_text is not None
    assert 'COPY ["./", "/srv/"]' in before.dockerfile_text
    assert "password.txt" in before.ignore.splitlines()
    assert not any("fargate" in file.path for file in after.files)


@pytest.mark.usefixtures("folder")
def test_configs_have_their_owner_and_mode(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a, configs: [{source: c, target: /etc/c, uid: '3', mode: '0400'}, {source: f, target: /etc/f}]}}\n"
        'configs: {c: {content: "a\\nEOF\\nb $$X\\n"}, f: {file: ./conf/app.toml}}'
    )
    text = derived(made).dockerfile_text
    assert text is not None
    assert "COPY --chown=3 --chmod=0400 <<'EOF_' /etc/c\na\nEOF\nb $X\nEOF_\n" in text
    assert 'COPY --chmod=0444 ["conf/app.toml", "/etc/f"]' in text


@pytest.mark.usefixtures("folder")
def test_a_folder_inside_a_volume_is_shown_by_one_of_its_own(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a, volumes: ['data:/var/lib/app', './conf:/var/lib/app/conf:ro', './conf/app.toml:/var/lib/app/a']}}\n"
        "volumes: {data: {}}"
    )
    text = derived(made).dockerfile_text
    assert text is not None
    assert text.splitlines()[-1] == 'VOLUME ["/var/lib/app/conf"]'
    paths = {m.container_path: m.source_volume for m in container(made).mount_points}
    assert list(paths) == ["/var/lib/app", "/var/lib/app/conf"]
    assert "C2F286" in codes(made, Severity.WARNING)


def test_a_mount_of_an_image_is_copied_from_it(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a, volumes: [{type: image, source: 'b:2', target: /b, image: {subpath: in}}]}}"
    )
    text = derived(made).dockerfile_text
    assert text is not None
    assert 'COPY --from=b:2 ["/in", "/b"]' in text


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("flags", "code"), [({"files": "none"}, "C2F289"), ({"images": ["web=example.com/web:1"]}, "C2F272")]
)
def test_no_image_is_derived_where_the_user_wants_none(
    flags: dict[str, object], code: str, translated: Translate
) -> None:
    made = translated("services: {web: {image: a, volumes: ['./conf:/conf']}}", **flags)
    assert made.translation.builds == ()
    assert code in codes(made)


@pytest.mark.usefixtures("folder")
def test_what_is_too_large_is_not_copied(translated: Translate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compose2fargate.mapping.files.copy_rules.MAX_COPIED", 3)
    made = translated("services: {web: {image: a, volumes: ['./conf:/conf:ro']}}")
    assert "C2F273" in codes(made, Severity.WARNING)
    assert made.translation.builds == ()


@pytest.mark.usefixtures("folder")
def test_the_dockerfile_names_the_command_that_builds_it(translated: Translate, folder: Path) -> None:
    made = translated("services: {web: {image: a, volumes: ['./conf/app.toml:/a.toml']}}")
    files = derived_dockerfiles(made.translation.builds, str(folder / "out"))
    assert sorted(files) == ["images/web/Dockerfile", "images/web/Dockerfile.dockerignore"]
    assert (
        "docker build --platform linux/amd64 -t shop/web:latest -f images/web/Dockerfile ..\n"
        in files["images/web/Dockerfile"]
    )


@pytest.mark.usefixtures("folder")
def test_a_registry_of_the_users_own_has_the_derived_image_too(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a, volumes: ['./conf/app.toml:/a.toml']}}", registry="r.example.com/x"
    )
    assert container(made).image == "r.example.com/x/shop/web:latest"


def test_a_folder_of_nothing_but_secrets_is_not_copied(tmp_path: Path, translated: Translate) -> None:
    certs = tmp_path / "certs"
    certs.mkdir()
    for name in ("cert.pem", "key.pem"):
        (certs / name).write_text("x\n")
    made = translated("services: {web: {image: nginx, volumes: ['./certs:/etc/nginx/certs:ro']}}")
    assert made.translation.builds == ()
    (found,) = [d for d in made.diagnostics if d.code == "C2F288"]
    assert "all files of /etc/nginx/certs look like secrets" in found.message


@pytest.mark.parametrize(
    ("service", "dockerfile", "lines"),
    [
        ("image: nginx:alpine", "", ["RUN rm -rf -- /etc/nginx/conf.d"]),
        ("build: ./own", "FROM nginx:alpine\n", ["RUN rm -rf -- /etc/nginx/conf.d"]),
        ("build: ./own", "FROM nginx:alpine\nUSER web:web\n", ["USER root", "RUN rm -rf -- /etc/nginx/conf.d", "USER web:web"]),
        ("build: ./own", "FROM acme/base\nUSER 7\nRUN make\nCOPY x /etc/nginx/conf.d/x\n",
         ["USER root", "RUN rm -rf -- /etc/nginx/conf.d", "USER 7"]),
        ("image: acme/web", "", []),
        ("image: nginx-unprivileged", "", []),
        ("build: ./own", "FROM scratch\nCOPY x /etc/nginx/conf.d/x\n", []),
        ("build: ./own", "FROM acme/base\nCOPY x /etc/nginx/conf.d/x\n", []),
    ],
)  # fmt: skip
def test_a_mounted_folder_takes_the_place_of_the_images(
    service: str, dockerfile: str, lines: list[str], translated: Translate, folder: Path
) -> None:
    (folder / "own").mkdir()
    (folder / "own" / "Dockerfile").write_text(dockerfile or "FROM scratch\n", encoding="utf-8")
    made = translated(f"services: {{web: {{{service}, volumes: ['./conf:/etc/nginx/conf.d:ro']}}}}")
    written = derived(made).dockerfile_text or ""
    copy = 'COPY ["conf/", "/etc/nginx/conf.d/"]'
    assert written.partition("BASE}\n")[2] == "\n".join([*lines, copy]) + "\n"
    (told,) = [d for d in made.diagnostics if d.code == "C2F274"]
    assert ("replacing what" in told.message) == bool(lines)


@pytest.mark.usefixtures("folder")
def test_services_with_the_same_files_in_the_same_image_share_one(translated: Translate) -> None:
    made = translated(
        "services: {a: {image: acme/app, volumes: ['./conf:/conf:ro']}, b: {image: acme/app, volumes: ['./conf:/conf:ro']},"
        " c: {image: acme/app, volumes: ['./conf:/other:ro']}, d: {image: acme/two, volumes: ['./conf:/conf:ro']},"
        " e: {image: acme/app, platform: linux/arm64, volumes: ['./conf:/conf:ro']}}"
    )
    assert [build.service for build in made.translation.builds] == ["a", "c", "d", "e"]
    assert (
        container(made, "b").image
        == container(made, "a").image
        == BuiltImage(Ref("repository/a", "uri"), "a", "latest")
    )
    assert sorted(made.translation.stack.of_type(Repository)) == sorted(
        (f"repository/{name}", made.translation.stack.resources[f"repository/{name}"]) for name in "acde"
    )
    (told,) = [d for d in made.diagnostics if d.code == "C2F274" and d.path[1] == "b"]
    assert "images/a/Dockerfile" in told.hint
