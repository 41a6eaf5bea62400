"""What a file says of a service is what the project has of it."""

from __future__ import annotations

import pytest

from compose2fargate.compose.model import Service
from compose2fargate.compose.project_binding import bind_project
from tests.compose.conftest import LoadFiles


def service(load_files: LoadFiles, keys: str) -> Service:
    loaded = load_files(f"services:\n  web:\n    image: nginx\n    {keys}\n  other: {{image: redis}}\n")
    return bind_project("app", "/", loaded.tree, loaded.marks).services["web"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("container_name", "one"), ("network_mode", "host"), ("pid", "host"), ("platform", "linux/arm64"), ("restart", "always"),
        ("restart", "no"), ("stop_signal", "SIGINT"), ("working_dir", "/srv"),
    ],
)  # fmt: skip
def test_a_text_is_taken_as_it_stands(key: str, value: str, load_files: LoadFiles) -> None:
    assert getattr(service(load_files, f'{key}: "{value}"'), key) == value
    assert getattr(service(load_files, "expose: ['80']"), key) == ""


@pytest.mark.parametrize(
    ("key", "value"),
    [("cap_add", "SYS_PTRACE"), ("cap_drop", "ALL"), ("tmpfs", "/run"), ("volumes_from", "other")],
)
def test_a_list_is_taken_with_its_items(key: str, value: str, load_files: LoadFiles) -> None:
    (only,) = getattr(service(load_files, f"{key}: [{value}]"), key)
    assert only.startswith(value)
    assert getattr(service(load_files, "expose: ['80']"), key) == ()


@pytest.mark.parametrize("key", ["read_only", "stdin_open", "tty"])
def test_a_flag_is_set_where_it_is_true(key: str, load_files: LoadFiles) -> None:
    assert getattr(service(load_files, f"{key}: true"), key) is True
    assert getattr(service(load_files, f"{key}: false"), key) is False
    assert getattr(service(load_files, "expose: ['80']"), key) is False


@pytest.mark.parametrize(
    ("keys", "attribute", "value"),
    [("mem_limit: 0", "mem_limit", None), ("mem_limit: 1", "mem_limit", 1), ("cpus: 0", "cpus", None), ("cpus: 0.5", "cpus", 0.5)],
)  # fmt: skip
def test_zero_is_no_limit_as_in_docker(
    keys: str, attribute: str, value: object, load_files: LoadFiles
) -> None:
    assert getattr(service(load_files, keys), attribute) == value
