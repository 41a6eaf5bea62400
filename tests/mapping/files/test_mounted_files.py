from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from compose2fargate.aws.resources import ContainerDefinition
from compose2fargate.aws.task_definition_rules import violations
from compose2fargate.diagnostics import Severity
from tests.mapping.conftest import Translate, spelled
from tests.mapping.containers.test_task_definitions import codes, definition

TEXT = "a 'quoted' \"line\" with $VARIABLE, `x`, \\n and ünïcödé\n\nno newline at the end"


def writer(made: object) -> ContainerDefinition:
    return definition(made, "app").container_definitions[-1]  # type: ignore[arg-type]


def run_script(container: ContainerDefinition, tmp_path: Path, values: dict[str, str]) -> dict[str, str]:
    """Run the container's script on this machine, with its volumes below `tmp_path`."""
    script = container.command[0].replace("/files/", f"{tmp_path}/files/").replace("chown", ": chown")
    for mount in container.mount_points:
        (tmp_path / mount.container_path.lstrip("/")).mkdir(parents=True)
    plain = {pair.name: str(pair.value) for pair in container.environment}
    subprocess.run(
        [*container.entry_point, script], check=True, env={"PATH": "/usr/bin:/bin", **plain, **values}
    )
    names = {mount.container_path: mount.source_volume for mount in container.mount_points}
    return {
        f"{names[root]}{str(file).removeprefix(f'{tmp_path}{root}')}": file.read_text(encoding="utf-8")
        for root in names
        for file in (tmp_path / root.lstrip("/")).rglob("*")
        if file.is_file()
    }


def test_the_script_writes_every_file_byte_for_byte(translated: Translate, tmp_path: Path) -> None:
    (tmp_path / "rules.txt").write_text(TEXT, encoding="utf-8")
    made = translated(
        "services: {app: {image: a, secrets: [key, {source: key, target: 'deep er/it''s', uid: '5', mode: '0400'}],"
        " configs: [{source: c, target: /etc/app/c.txt}], volumes: ['./rules.txt:/etc/app/sub/rules.txt']}}\n"
        "secrets: {key: {environment: KEY}}\nconfigs: {c: {environment: C}}",
        env={"KEY": "canary", "C": TEXT},
        files="init",
    )
    container = writer(made)
    secret = {secret.name: "the value" for secret in container.secrets}
    assert {spelled(made, secret.value_from) for secret in container.secrets} == {"/shop/key"}
    written = run_script(container, tmp_path / "run", secret)
    assert written == {
        "files-app-0/c.txt": TEXT,
        "files-app-0/sub/rules.txt": TEXT,
        "files-app-1/key": "the value",
        "files-app-1/deep er/it's": "the value",
    }
    mounts = {
        m.container_path: m.source_volume
        for m in definition(made, "app").container_definitions[0].mount_points
    }
    assert mounts == {"/etc/app": "files-app-0", "/run/secrets": "files-app-1"}
    assert "canary" not in repr(made.translation.stack)
    assert violations(definition(made, "app")) == []


def test_nothing_is_added_unasked(translated: Translate) -> None:
    text = "services: {app: {image: a, secrets: [key]}}\nsecrets: {key: {environment: KEY}}"
    made = translated(text, env={"KEY": "x"})
    assert len(definition(made, "app").container_definitions) == 1
    assert "C2F289" in codes(made, Severity.WARNING)
    for asked in ({"files": "init"}, {"secret_files": "init"}):
        assert "C2F289" not in codes(translated(text, env={"KEY": "x"}, **asked))


@pytest.mark.parametrize(
    ("target", "text", "code"),
    [("/motd", "hello", "C2F286"), ("/etc/passwd2", "x", "C2F286"), ("/app/conf/server.key", "x", "C2F288"),
     ("/app/conf/ca", "-----BEGIN RSA PRIVATE KEY-----", "C2F288"), ("/app/conf/big", "x" * 30_000, "C2F284")],
)  # fmt: skip
def test_what_an_init_container_must_not_write(
    target: str, text: str, code: str, translated: Translate
) -> None:
    made = translated(
        f"services: {{app: {{image: a, configs: [{{source: c, target: {target}}}]}}}}\nconfigs: {{c: {{environment: C}}}}",
        env={"C": text},
        files="init",
    )
    assert code in codes(made)
    if code != "C2F284":
        assert len(definition(made, "app").container_definitions) == 1


def test_what_an_init_container_cannot_write_is_copied_into_an_image(
    translated: Translate, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "page.html").write_text("hello", encoding="utf-8")
    (tmp_path / "logo").write_bytes(b"\x89PNG\x00\xff")
    made = translated(
        "services: {app: {image: a, volumes: ['./folder:/x/y', './logo:/x/logo']}}", files="init"
    )
    assert len(definition(made, "app").container_definitions) == 1
    (build,) = made.translation.builds
    assert [file.path for file in build.files] == ["logo", "folder"]  # in the order of their targets
    assert codes(made) >= {"C2F274", "C2F275"}
