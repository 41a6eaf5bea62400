"""What looks like a credential is never repeated on the screen, and what is made a secret stands nowhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Program

CANARY = "k4n4rienv0gel"
SECRETS = "x-fargate: {secrets: {DB_PASSWORD: /shop/password, API_TOKEN: /shop/token, DSN: /shop/dsn}}"
FORMS = {
    "mapping": f"    environment:\n      DB_PASSWORD: {CANARY}\n      API_TOKEN: '{CANARY}'\n      DSN: postgres://u:{CANARY}@db.example.org/x\n",
    "list": f"    environment:\n      - DB_PASSWORD={CANARY}\n      - 'API_TOKEN={CANARY}'\n      - DSN=postgres://u:{CANARY}@db.example.org/x\n",
    "flow": f"    environment: {{DB_PASSWORD: {CANARY}, API_TOKEN: {CANARY}, DSN: 'postgres://u:{CANARY}@db.example.org/x'}}\n",
    "variables": "    environment: {DB_PASSWORD: '${CANARY}', API_TOKEN: '${CANARY:-x}', DSN: 'postgres://u:${CANARY}@db.example.org/x'}\n",
    "env_file": "    env_file: [app.env]\n",
}
ENV_FILE = f"DB_PASSWORD={CANARY}\nAPI_TOKEN='{CANARY}'\nDSN=\"postgres://u:{CANARY}@db.example.org/x\"\n"


def project(folder: Path, form: str, *more: str) -> Path:
    (folder / ".env").write_text(f"CANARY={CANARY}\n")
    (folder / "app.env").write_text(ENV_FILE)
    lines = "".join(f"    {line}\n" for line in more)
    (folder / "compose.yaml").write_text(
        f"name: shop\nservices:\n  web:\n    image: nginx\n{FORMS[form]}{lines}"
    )
    return folder


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "options", [[], ["--debug"], ["--diagnostics", "json"]], ids=["text", "debug", "json"]
)
def test_diagnostics_do_not_repeat_a_credential(
    options: list[str], form: str, program: Program, tmp_path: Path
) -> None:
    result = program("convert", "-o", "out", *options, cwd=project(tmp_path, form))
    assert result.status == 0, result.err
    assert "DB_PASSWORD" in result.err  # it is warned about
    assert CANARY not in result.err


MISTAKES = (
    "privileged: true",
    "prots: [80]",
    "depends_on: [nothing]",
    "user: '${CANARY?x}${'",
    "<<: 3",
    "cpus: many",
)


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("form", FORMS)
def test_errors_do_not_repeat_a_credential(form: str, mistake: str, program: Program, tmp_path: Path) -> None:
    for options in ([], ["--debug"], ["--diagnostics", "json"]):
        result = program("convert", "-o", "out", *options, cwd=project(tmp_path, form, mistake))
        assert result.status == 2, result.err
        assert CANARY not in result.err


BROKEN_NEAR_A_CREDENTIAL = (
    f"services:\n  web:\n    image: nginx\n    environment:\n      DB_PASSWORD: [{CANARY}]\n",
    f"services:\n  web:\n    image: nginx\n    environment:\n      DB_PASSWORD: {{a: {CANARY}}}\n",
    f'services:\n  web:\n    image: nginx\n    environment:\n      DB_PASSWORD: "{CANARY}\n',
    f"services:\n  web:\n    image: nginx\n    environment:\n      DB_PASSWORD: {CANARY}: x\n",
    f"services:\n  web:\n    image: nginx\n    environment:\n      - DB_PASSWORD={CANARY}\n      - {{DB_PASSWORD: {CANARY}}}\n",
    f"services:\n  web:\n    image: nginx\n    environment:\n      DB_PASSWORD: ${{X:?{CANARY}\n",
    f"services:\n  web:\n    image: nginx\n    command: mysql --password={CANARY} && true\n    privileged: true\n",
    f"services:\n  web:\n    image: nginx\n    build: {{context: ., args: {{TOKEN: [{CANARY}]}}}}\n",
)


@pytest.mark.parametrize("text", BROKEN_NEAR_A_CREDENTIAL)
def test_a_mistake_in_a_credential_itself_does_not_show_it(
    text: str, program: Program, tmp_path: Path
) -> None:
    (tmp_path / "compose.yaml").write_text(text)
    for options in ([], ["--debug"], ["--diagnostics", "json"]):
        result = program("convert", "-o", "out", *options, cwd=tmp_path)
        assert result.status == 2, result.err
        assert CANARY not in result.err


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("style", ["text", "json", "markdown"])
def test_explain_does_not_repeat_a_credential(
    form: str, style: str, program: Program, tmp_path: Path
) -> None:
    result = program("explain", "--format", style, cwd=project(tmp_path, form))
    assert result.status == 0, result.err
    assert "environment" in result.out or "env_file" in result.out
    assert CANARY not in result.out + result.err


def test_an_env_file_that_is_broken_near_a_credential_does_not_show_it(
    program: Program, tmp_path: Path
) -> None:
    folder = project(tmp_path, "env_file")
    (folder / "app.env").write_text(f"DB_PASSWORD='{CANARY}\n")
    result = program("convert", "-o", "out", cwd=folder)
    assert result.status == 2, result.err
    assert CANARY not in result.err


@pytest.mark.parametrize("form", FORMS)
def test_what_is_made_a_secret_stands_in_no_file(form: str, program: Program, tmp_path: Path) -> None:
    folder = project(tmp_path, form, SECRETS)
    result = program("convert", "-o", "out", cwd=folder)
    assert result.status == 0, result.err
    holding = [path for path in (folder / "out").rglob("*") if path.is_file() and CANARY in path.read_text()]
    assert holding == []
    assert CANARY not in result.err
    definition = json.loads((folder / "out" / "task-definitions" / "web.json").read_text())
    assert definition["containerDefinitions"][0]["secrets"] == [
        {"name": "API_TOKEN", "valueFrom": "/shop/token"},
        {"name": "DB_PASSWORD", "valueFrom": "/shop/password"},
        {"name": "DSN", "valueFrom": "/shop/dsn"},
    ]


@pytest.mark.parametrize("form", FORMS)
def test_the_manifest_holds_no_credential(form: str, program: Program, tmp_path: Path) -> None:
    folder = project(tmp_path, form)
    program("convert", "-o", "out", cwd=folder)
    assert CANARY not in (folder / "out" / "compose2fargate.json").read_text()
