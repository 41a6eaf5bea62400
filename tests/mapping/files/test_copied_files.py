"""Files of configuration that a Dockerfile copies into the image are read as mounted ones are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from compose2fargate.api import Translated
from compose2fargate.diagnostics import Severity
from tests.mapping.conftest import Translate
from tests.mapping.references.test_reference_graph import found, ports, waits

NGINX = "server { location / { proxy_pass http://api:7000; } }\n"
COMPOSE = "services: {web: {build: ./web, ports: ['80:80']}, api: {image: acme/api}}"


def built(
    translated: Translate, folder: Path, files: Mapping[str, str], compose: str = COMPOSE
) -> Translated:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return translated(compose)


@pytest.mark.parametrize(
    ("copy", "file"),
    [
        ("COPY nginx.conf /etc/nginx/conf.d/default.conf", "nginx.conf"),
        ("COPY ./nginx.conf /etc/nginx/conf.d/", "nginx.conf"),
        ('COPY ["a.txt", "nginx.conf", "/etc/nginx/"]', "nginx.conf"),
        ("ADD conf/ /etc/nginx/conf.d/", "conf/site.conf"),
        ("COPY conf.d/*.conf /etc/nginx/conf.d/", "conf.d/site.conf"),
        ("ARG F=nginx.conf\nCOPY $F /etc/nginx/nginx.conf", "nginx.conf"),
        ("WORKDIR /etc/nginx\nCOPY nginx.conf .", "nginx.conf"),
    ],
)
def test_what_is_copied_is_read(translated: Translate, tmp_path: Path, copy: str, file: str) -> None:
    made = built(translated, tmp_path, {"web/Dockerfile": f"FROM nginx:1.27\n{copy}\n", f"web/{file}": NGINX})
    assert ports(made, "api") == [7000]
    assert waits(made, "web") == ["service/api"]
    [said] = found(made, "C2F519")
    assert said.location
    assert (said.location.file, said.location.line) == (f"web/{file}", 1)


@pytest.mark.parametrize(
    ("name", "text", "target"),
    [
        ("Caddyfile", ":80\nreverse_proxy api:7000\n", "/etc/caddy/Caddyfile"),
        ("prod.env", "API_URL=http://api:7000\n", "/app/prod.env"),
        ("app.yml", "upstream:\n  url: http://api:7000/x\n", "/app/app.yml"),
    ],
)
def test_other_forms_are_read(
    translated: Translate, tmp_path: Path, name: str, text: str, target: str
) -> None:
    files = {"web/Dockerfile": f"FROM alpine:3\nCOPY {name} {target}\n", f"web/{name}": text}
    assert ports(built(translated, tmp_path, files), "api") == [7000]


@pytest.mark.parametrize(
    ("dockerfile", "ignored"),
    [
        ("COPY nginx.conf /etc/nginx/nginx.conf", {"web/.dockerignore": "*.conf\n"}),
        ("COPY nginx.conf /etc/nginx/nginx.conf", {"web/Dockerfile.dockerignore": "nginx.conf\n"}),
        ("COPY conf/nginx.conf /etc/nginx/nginx.conf", {"web/.dockerignore": "conf\n", "web/conf/nginx.conf": NGINX}),
        ("COPY --from=other nginx.conf /etc/nginx/nginx.conf", {}),
        ("COPY ../nginx.conf /etc/nginx/nginx.conf", {}),
        ("COPY . /app/", {}),
        ("COPY nginx.conf /etc/nginx/nginx.conf\nCOPY plain.conf /etc/nginx/nginx.conf", {"web/plain.conf": "events {}\n"}),
    ],
)  # fmt: skip
def test_what_the_image_has_not_is_not_read(
    translated: Translate, tmp_path: Path, dockerfile: str, ignored: Mapping[str, str]
) -> None:
    files = {"web/Dockerfile": f"FROM nginx:1.27\n{dockerfile}\n", "web/nginx.conf": NGINX, **ignored}
    assert ports(built(translated, tmp_path, files), "api") == []


def test_a_later_pattern_of_dockerignore_takes_a_file_back(translated: Translate, tmp_path: Path) -> None:
    files = {
        "web/Dockerfile": "FROM nginx:1.27\nCOPY nginx.conf /etc/nginx/nginx.conf\n",
        "web/nginx.conf": NGINX,
        "web/.dockerignore": "*\n!nginx.conf\n",
    }
    assert ports(built(translated, tmp_path, files), "api") == [7000]


def test_a_mount_hides_what_is_copied(translated: Translate, tmp_path: Path) -> None:
    files = {
        "web/Dockerfile": "FROM nginx:1.27\nCOPY nginx.conf /etc/nginx/nginx.conf\n",
        "web/nginx.conf": NGINX,
        "other.conf": "events {}\n",
    }
    text = COMPOSE.replace(
        "ports: ['80:80']", "ports: ['80:80'], volumes: ['./other.conf:/etc/nginx/nginx.conf']"
    )
    assert ports(built(translated, tmp_path, files, text), "api") == []


def test_a_link_out_of_the_project_and_a_pipe_are_not_read(translated: Translate, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside.conf"
    outside.write_text(NGINX)
    dockerfile = "FROM nginx:1.27\nCOPY nginx.conf pipe.conf /etc/nginx/\n"
    (tmp_path / "web").mkdir()
    (tmp_path / "web/nginx.conf").symlink_to(outside)
    os.mkfifo(tmp_path / "web/pipe.conf")
    assert ports(built(translated, tmp_path, {"web/Dockerfile": dockerfile}), "api") == []


def test_a_host_that_nobody_has_is_an_error_where_nginx_reads_it(
    translated: Translate, tmp_path: Path
) -> None:
    conf = "server { location / { proxy_pass http://backend:7000; } }\n"
    for target, severities in (
        ("/etc/nginx/conf.d/default.conf", [Severity.ERROR]),
        ("/app/examples/n.conf", []),
    ):
        files = {"web/Dockerfile": f"FROM nginx:1.27\nCOPY n.conf {target}\n", "web/n.conf": conf}
        made = built(translated, tmp_path, files)
        assert [d.severity for d in found(made, "C2F521")] == severities


def test_dockers_resolver_is_told_in_a_copied_file(translated: Translate, tmp_path: Path) -> None:
    conf = "server { location / { resolver 127.0.0.11; set $u http://api:7000; proxy_pass $u; } }\n"
    files = {
        "web/Dockerfile": "FROM nginx:1.27\nCOPY n.conf /etc/nginx/conf.d/default.conf\n",
        "web/n.conf": conf,
    }
    [said] = found(built(translated, tmp_path, files), "C2F523")
    assert said.location
    assert said.location.file == "web/n.conf"


def test_what_is_read_is_an_input_of_the_result(translated: Translate, tmp_path: Path) -> None:
    files = {
        "web/Dockerfile": "FROM nginx:1.27\nCOPY nginx.conf /etc/nginx/nginx.conf\n",
        "web/nginx.conf": NGINX,
    }
    made = built(translated, tmp_path, files)
    assert any(path.endswith("web/nginx.conf") for path in made.inputs)


def test_more_copies_than_anybody_writes_take_no_time(translated: Translate, tmp_path: Path) -> None:
    lines = "".join(f"COPY n{i}.conf /etc/nginx/\n" for i in range(20_000))
    files = {
        "web/Dockerfile": f"FROM nginx:1.27\n{lines}COPY nginx.conf /etc/nginx/nginx.conf\n",
        "web/nginx.conf": NGINX,
    }
    assert ports(built(translated, tmp_path, files), "api") == [7000]
