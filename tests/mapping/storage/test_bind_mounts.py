from __future__ import annotations

from pathlib import Path

import pytest

from compose2fargate.aws.resources import AccessPoint
from compose2fargate.diagnostics import Severity
from compose2fargate.mapping.coverage_table import KeyOutcome
from compose2fargate.workflows.translating import Translated
from tests.mapping.conftest import Translate
from tests.mapping.containers.test_task_definitions import codes, definition

DOCKERFILE = "FROM python:3.12\nWORKDIR /srv/app\nVOLUME /srv/state\nCOPY . .\n"


def service(volume: str, extra: str = "image: registry.example.com/a") -> str:
    return f"services: {{app: {{{extra}, volumes: ['{volume}']}}}}"


def outcome(made: Translated, index: int = 0) -> KeyOutcome:
    path = ("services", "app", "volumes", index)
    return next(a.row.outcome for a in made.accounted if a.path == path)


@pytest.mark.parametrize(
    ("volume", "code"),
    [("/var/run/docker.sock:/var/run/docker.sock", "C2F211"), ("./engine.sock:/var/run/docker.sock", "C2F211"),
     ("/run/containerd/containerd.sock:/c.sock", "C2F211"), ("/proc:/host/proc:ro", "C2F266"), ("/:/rootfs:ro", "C2F266"),
     ("/sys/fs/cgroup:/cgroup", "C2F266"), ("/dev/snd:/dev/snd", "C2F266"), ("/etc/ssl/certs:/certs:ro", "C2F266"),
     ("/lib/modules:/lib/modules", "C2F266"), ("/var/log:/logs", "C2F266"), ("/srv/app.conf:/app.conf", "C2F266")],
)  # fmt: skip
def test_what_belongs_to_the_host_is_refused_with_a_way_on(
    volume: str, code: str, translated: Translate
) -> None:
    made = translated(service(volume))
    (found,) = [d for d in made.diagnostics if d.severity is Severity.ERROR]
    assert found.code == code
    assert "--without app" in found.hint
    assert f"--allow {code}" in found.hint
    assert definition(made, "app").volumes == ()
    assert code not in codes(translated(service(volume), allow=(code,)), Severity.ERROR)


@pytest.mark.parametrize(
    ("image", "word"),
    [("traefik:v3", "load balancer"), ("portainer/portainer-ce", "console"), ("containrrr/watchtower", "deployment"),
     ("grafana/promtail:2", "logging"), ("gcr.io/cadvisor/cadvisor", "Insights")],
)  # fmt: skip
def test_tools_for_docker_are_told_what_takes_their_place(
    image: str, word: str, translated: Translate
) -> None:
    made = translated(service("/var/run/docker.sock:/var/run/docker.sock", f"image: '{image}'"))
    assert word in next(d.hint for d in made.diagnostics if d.code == "C2F211")


def test_an_image_that_runs_without_the_socket_is_warned_about_only(translated: Translate) -> None:
    made = translated(service("/var/run/docker.sock:/var/run/docker.sock", "image: wurstmeister/kafka"))
    assert "C2F211" in codes(made, Severity.WARNING)
    assert codes(made, Severity.ERROR) == set()


@pytest.mark.parametrize("volume", ["/etc/localtime:/etc/localtime:ro", "/etc/timezone:/etc/timezone"])
def test_the_clock_of_the_host_is_a_variable(volume: str, translated: Translate) -> None:
    made = translated(service(volume))
    (found,) = [d for d in made.diagnostics if d.path == ("services", "app", "volumes", 0)]
    assert found.severity is Severity.INFO
    assert "TZ" in found.hint


@pytest.mark.parametrize(
    ("volume", "there"),
    [("./app:/srv/app", True), ("./app/src:/srv/app/src", True), ("./app/src:/srv/other", False), ("./app:/code", False)],
)  # fmt: skip
def test_source_code_is_in_the_image_where_the_dockerfile_works(
    volume: str, there: bool, translated: Translate, tmp_path: Path
) -> None:
    (tmp_path / "app" / "src").mkdir(parents=True)
    (tmp_path / "app" / "src" / "main.py").write_text("x", encoding="utf-8")
    (tmp_path / "app" / "Dockerfile").write_text(DOCKERFILE, encoding="utf-8")
    made = translated(service(volume, "build: ./app"))
    assert outcome(made) is (KeyOutcome.IGNORED if there else KeyOutcome.APPROXIMATED)
    assert [b.key for b in made.translation.builds] == (["app"] if there else ["app", "app+files"])


@pytest.mark.parametrize(
    ("volume", "exists", "code"),
    [("./data:/var/lib/postgresql/data", True, "C2F267"), ("./state:/srv/state", True, "C2F267"),
     ("./uploads:/uploads", False, "C2F267"), ("/srv/pg:/var/lib/postgresql/data", False, "C2F267"),
     ("./logs:/var/log/app", False, "C2F268"),
     ("./absent:/conf:ro", False, "C2F273"), ("./absent.yaml:/conf/a.yaml", False, "C2F273"), ("./conf:/conf", True, "C2F275"),
     ("./conf:/conf:ro", True, "C2F274")],
)  # fmt: skip
def test_folders_are_data_logs_or_files(
    volume: str, exists: bool, code: str, translated: Translate, tmp_path: Path
) -> None:
    folder = tmp_path / volume.split(":", maxsplit=1)[0]
    if exists:
        folder.mkdir()
        (folder / "content").write_text("x", encoding="utf-8")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "Dockerfile").write_text(DOCKERFILE, encoding="utf-8")
    made = translated(service(volume, "build: ./app"))
    assert code in codes(made)
    points = [resource for _, resource in made.translation.stack.of_type(AccessPoint)]
    assert len(points) == (code == "C2F267")


def test_a_folder_below_tmp_of_the_host_is_shared_on_efs(translated: Translate) -> None:
    made = translated(service("/tmp/exchange:/exchange"))
    assert codes(made, Severity.ERROR) == set()
    assert "C2F267" in codes(made, Severity.WARNING)
    assert "C2F267" in codes(translated(service("/srv/exchange:/exchange")), Severity.ERROR)


def test_a_folder_inside_one_that_is_written_to_is_a_path_in_its_volume(translated: Translate) -> None:
    made = translated(
        "services:\n  app: {image: a, volumes: ['./out:/out']}\n  web: {image: b, volumes: ['./out/public/a:/www:ro']}"
    )
    points = {i: p.root_directory.path for i, p in made.translation.stack.of_type(AccessPoint)}
    assert sorted(points.values()) == ["/shop/out", "/shop/out/public/a"]
    assert definition(made, "web").container_definitions[0].mount_points[0].read_only


def test_the_socket_of_the_project_is_no_file_to_copy(translated: Translate, tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(tmp_path / "app.ipc"))
        assert "C2F266" in codes(translated(service("./app.ipc:/app.ipc")), Severity.ERROR)


def test_a_path_beside_the_project_belongs_to_it_but_not_one_of_the_machine(
    translated: Translate, tmp_path: Path
) -> None:
    (tmp_path.parent / "common.conf").write_text("x", encoding="utf-8")
    made = translated(service("../common.conf:/etc/common.conf:ro"))
    (build,) = made.translation.builds
    assert [file.path for file in build.files] == ["common.conf"]
    assert "C2F266" in codes(translated(service("/nowhere.conf:/x.conf:ro")), Severity.ERROR)


@pytest.mark.parametrize("target", ["./a:C:\\a", "data:C:\\a"])
def test_paths_of_windows_are_refused(target: str, translated: Translate) -> None:
    made = translated(f"services: {{app: {{image: a, volumes: ['{target}']}}}}\nvolumes: {{data: {{}}}}")
    assert codes(made, Severity.ERROR) == {"C2F266"}


@pytest.mark.parametrize("kind", ["npipe", "cluster"])
def test_mounts_of_other_systems_are_refused(kind: str, translated: Translate) -> None:
    made = translated(
        f"services: {{app: {{image: a, volumes: [{{type: {kind}, source: x, target: /x}}]}}}}\nvolumes: {{x: {{}}}}"
    )
    assert "C2F266" in codes(made, Severity.ERROR)


def test_a_folder_of_the_host_is_refused_unless_it_may_become_a_directory_on_efs(
    translated: Translate,
) -> None:
    text = "services: {app: {image: a, volumes: ['/srv/media:/media']}}"
    (found,) = [d for d in translated(text).diagnostics if d.severity is Severity.ERROR]
    assert found.code == "C2F267"
    assert "volumes: [media:/media]" in found.hint
    assert "--without app" in found.hint
    assert "--allow C2F267" in found.hint

    allowed = translated(text, allow=["C2F267"])
    assert not codes(allowed, Severity.ERROR)
    (said,) = [d.message for d in allowed.diagnostics if d.code == "C2F267"]
    assert "becomes a directory on EFS, which starts empty" in said
    (point,) = [point for _, point in allowed.translation.stack.of_type(AccessPoint)]
    assert point.root_directory.path == "/shop/srv-media"


@pytest.mark.parametrize(
    ("dockerfile", "mount", "in_image"),
    [
        ("FROM python:3\nWORKDIR /app\nCOPY . .\n", ".:/app", True),
        ("FROM python:3\nCOPY . /usr/src/app\n", ".:/usr/src/app", True),
        ("FROM python:3\nCOPY . /usr/src/app\n", "./src:/usr/src/app/src", True),
        ("FROM python:3\nWORKDIR /app\nCOPY src ./src\n", "./src:/app/src", True),
        ("FROM python:3\nWORKDIR /app\nCOPY src/ ./\n", "./src:/app", True),
        ("FROM python:3\nWORKDIR /app\nCOPY main.py ./\n", "./main.py:/app/main.py", True),
        ("FROM python:3\nWORKDIR /app\nCOPY src src\n", ".:/app", True),
        ("FROM python:3 AS b\nFROM python:3\nCOPY --from=b /out /app/dist\n", ".:/app", True),
        (
            "FROM python:3\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\n",
            ".:/app",
            False,
        ),
        ("FROM python:3\nWORKDIR /app\nRUN pip install flask\n", ".:/app", False),
        ("FROM python:3\nWORKDIR /app\nCOPY src src\n", "./src:/elsewhere", False),
        ("FROM python:3\nWORKDIR /app\nCOPY . .\n", "./src:/elsewhere", False),
    ],
)
def test_a_folder_that_the_dockerfile_copies_needs_no_derived_image(
    dockerfile: str, mount: str, in_image: bool, translated: Translate, tmp_path: Path
) -> None:
    for path, text in {"Dockerfile": dockerfile, "src/a.py": "1", "main.py": "2"}.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    made = translated(f"services: {{web: {{build: ., volumes: ['{mount}']}}}}")
    assert [build.key for build in made.translation.builds] == (["web"] if in_image else ["web", "web+files"])
    assert ("C2F272" in codes(made)) == in_image


def test_the_image_that_another_service_builds_has_its_code_too(
    translated: Translate, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:3\nWORKDIR /app\nCOPY . .\n", encoding="utf-8")
    made = translated(
        "services: {web: {build: ., image: app, volumes: ['.:/app']}, worker: {image: app, volumes: ['.:/app']}}"
    )
    assert [build.key for build in made.translation.builds] == ["web"]


def test_a_volume_of_one_letter_is_explained_as_the_path_of_windows_that_compose_reads(
    translated: Translate,
) -> None:
    made = translated("services: {web: {image: a, volumes: ['d:/data']}}\nvolumes: {d: }")
    (found,) = (x for x in made.diagnostics if x.code == "C2F266")
    assert "not as a volume d at /data" in found.message
    assert "{type: volume, source: d, target: /data}" in found.hint
    long = translated(
        "services: {web: {image: a, volumes: [{type: volume, source: d, target: /data}]}}\nvolumes: {d: }"
    )
    assert "C2F266" not in {x.code for x in long.diagnostics}
