"""What is a credential is never shown, its name always; and a manifest neither tells it nor reads what is not the project's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compose2fargate.apply.deployment.differences import StateChange, shown_sides
from compose2fargate.credentials import MASK, mask_line, mask_lines, mask_value
from compose2fargate.sync.comparison import shown_value_of_field as shown_by_check
from compose2fargate.sync.fingerprints import SET, Published
from compose2fargate.sync.manifest import checksum
from tests.conftest import Program

VALUE = "hunter2"
NAME = "ACME_OBJECT_STORE_UPLOADER_SECRET_ACCESS_KEY"

LINES = (
    f"{NAME}: ${{X:-{VALUE}}}",
    f"  - {NAME}={VALUE}",
    f"  - '{NAME}={VALUE} and more'",
    f"{{A: 1, {NAME}: '{VALUE}, {VALUE}', B: 2}}",
    f"{{A: 1, {NAME}: {VALUE}, B: 2}}",
    f'["A=1", "{NAME}={VALUE}", "B=2"]',
    f'"{NAME}" : "{VALUE}"',
    f"{NAME}: !!str {VALUE}",
    f"{NAME}: &a {VALUE}",
    f"x: ${{{NAME}:-{VALUE}}}",
    f"x: ${{{NAME}-{VALUE}}}",
    *(f"{name}: {VALUE}" for name in ("STRIPE_KEY", "SESSION_KEY", "SENTRY_DSN", "PGPASSWORD", "MYSQL_PWD", "DB_PASS", "ADMIN_PIN")),
    *(f"{name}: {VALUE}" for name in ("authToken", "clientSecret", "privateKey", "signingKey", "X-Api-Key", "Authorization")),
    f"URL: postgres://app:{VALUE}@db/x",
    f"URL: redis://:{VALUE}/@{VALUE}@cache",
    f"command: app --password={VALUE} --port 80",
    f"command: app --requirepass {VALUE}",
    f'command: ["app", "--requirepass", "{VALUE}", "--port", "80"]',
    f"test: mysqladmin ping -p{VALUE} -h db",
    f"test: redis-cli -a {VALUE} ping",
    f"test: curl -u admin:{VALUE} http://db",
    f"test: curl -H 'Authorization: Bearer {VALUE}' http://db",
    f"test: curl -H 'Authorization: Basic {VALUE}==' http://db",
    f"test: sh -c 'export DB_PASSWORD={VALUE},{VALUE} && app'",
)  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_line_hides_the_value_and_keeps_the_name(line: str) -> None:
    masked = mask_line(line)
    assert VALUE not in masked
    assert MASK in masked
    if NAME in line:
        assert NAME in masked
    if "B: 2" in line:
        assert "B: 2" in masked


@pytest.mark.parametrize(
    "value",
    ["AKIAIOSFODNN7EXAMPLE", "ghp_" + "a1" * 18, "github_pat_" + "a1" * 20, "glpat-" + "a1" * 10, "sk_live_" + "a1" * 12,
     "rk_test_" + "a1" * 12, "xoxb-123456789012-abcdef", "AIza" + "a1" * 18, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
     "a1B2" * 10, "-----BEGIN RSA PRIVATE KEY-----"],
)  # fmt: skip
def test_a_value_that_is_known_by_its_form_is_hidden_under_any_name(value: str) -> None:
    assert mask_line(f"harmless: {value}") == f"harmless: {MASK}"
    assert mask_value(value) == MASK


@pytest.mark.parametrize(
    "line",
    [
        f"{NAME}: ${{{NAME}}}",
        f"{NAME}:",
        f"{NAME}_FILE: /run/secrets/key",
        f"- {NAME}",
        "acme-object-store-uploader-worker-eu-west-1: {image: a}",
        'ports: ["80:80", "443:443"]',
        "command: mkdir -p /data/x",
        "image: registry.example.com/token:1.2",
        "keyboard: monkey",
        "driver: aws",
    ],
)
def test_a_line_without_a_credential_is_shown(line: str) -> None:
    assert mask_line(line) == line


def test_a_credential_may_stand_below_its_name() -> None:
    text = f"""\
services:
  web:
    environment:
      DB_PASSWORD: |
        {VALUE}
          {VALUE}

        name: {VALUE}
      TOKEN:
        {VALUE}
      API_KEY: "{VALUE}
        {VALUE}"
      PEM: |
        -----BEGIN PRIVATE KEY-----
        {VALUE}
        -----END PRIVATE KEY-----
      ? SALT
      : {VALUE}
      PORT: "80"
    command:
      - --requirepass
      - {VALUE}
      - --port
      - "81"
    tokens:
    - {VALUE}
    secrets:
      - db_password
"""
    masked = "\n".join(mask_lines(text.split("\n")))
    assert VALUE not in masked
    for shown in (
        "DB_PASSWORD",
        "TOKEN",
        "API_KEY",
        "SALT",
        'PORT: "80"',
        '- "81"',
        "- db_password",
        "--requirepass",
    ):
        assert shown in masked


def test_generated_files_keep_name_and_value_on_lines_of_their_own() -> None:
    text = json.dumps(
        {"environment": [{"name": "STRIPE_KEY", "value": VALUE}, {"name": "PORT", "value": "80"}]}, indent=2
    )
    masked = "\n".join(mask_lines(text.split("\n")))
    assert VALUE not in masked
    assert '"value": "80"' in masked


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STRIPE_KEY", VALUE),
        ("PORT_URL", f"amqp://u:{VALUE}@mq"),
        ("command", ["app", f"--password={VALUE}", "--requirepass", VALUE, f"-p{VALUE}"]),
        ("command", ["sh", "-c", f"PGPASSWORD={VALUE} psql"]),
        ("environment", [{"name": "STRIPE_KEY", "value": VALUE}]),
        ("x", {"clientSecret": VALUE, "nested": {"options": {"splunk-token": VALUE}}}),
    ],
)
def test_plan_and_check_hide_the_same(name: str, value: object) -> None:
    _, by_plan = shown_sides(StateChange(f"containerDefinitions[web].{name}", None, value))
    by_check = shown_by_check(value, ("containerDefinitions", "web", name)) or ""
    assert VALUE not in by_plan + by_check
    assert "(hidden)" in by_plan
    assert MASK in by_check


def test_an_excerpt_shows_the_name_and_not_the_value(program: Program, tmp_path: Path) -> None:
    for entry in (f"{NAME}: ${{X:-{VALUE}", f"{NAME}: {{a: {VALUE}}}"):
        (tmp_path / "compose.yaml").write_text(
            f"services:\n  web:\n    image: a\n    environment:\n      {entry}\n"
        )
        done = program("config", cwd=tmp_path)
        assert done.status == 2
        assert NAME in done.err.partition("|")[2]
        assert VALUE not in done.err


# -- the manifest --------------------------------------------------------------------------------------------


def test_a_fingerprint_is_of_what_everybody_can_read() -> None:
    published = Published(['{"image": "app:1.27", "port": 1234, "text": "a\\"b"}'], ["postgres://u:app@db"])
    assert published.variable("TAG", "1.27") not in (SET, None)
    assert published.variable("QUOTED", 'a"b') not in (SET, None)
    assert published.variable("OTHER", "1.2") == SET  # it stands there as a part of another number only
    assert published.variable("PIN", "1234") == SET  # by chance
    assert published.variable("PART", "app") == SET  # of a secret
    assert published.variable("NONE", None) is None


FOUR_DIGITS = """\
name: shop
services:
  web:
    image: app:${TAG}
    environment: {ADMIN_CODE: "${CODE}", GREETING: "${GREETING}"}
    build: {context: ., args: {CODE: "${CODE}"}}
    x-fargate: {secrets: {ADMIN_CODE: /shop/code}}
"""


def recorded(folder: Path) -> str:
    return (folder / "fargate" / "json" / "compose2fargate.json").read_text()


def test_no_manifest_tells_a_pin(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(FOUR_DIGITS)
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    texts = []
    for code in ("1111", "2222"):
        (tmp_path / ".env").write_text(f"CODE={code}\nTAG=1\nGREETING=hello\n")
        assert program("convert", "-q", "--force", cwd=tmp_path).status == 0
        texts.append(recorded(tmp_path))
    assert texts[0] == texts[1]
    assert json.loads(texts[0])["variables"]["CODE"] == SET
    assert json.loads(texts[0])["inputs"]["../../.env"] == SET
    (tmp_path / ".env").write_text("CODE=2222\nTAG=1\nGREETING=goodbye\n")
    out = program("check", cwd=tmp_path).out
    assert "environment.GREETING hello -> goodbye (the variable GREETING has another value" in out


def forge(folder: Path, **options: object) -> None:
    file = folder / "fargate" / "json" / "compose2fargate.json"
    content = json.loads(file.read_text())
    content["options"].update(options)
    content["checksum"] = checksum(content)
    file.write_text(json.dumps(content, indent=2))


@pytest.mark.parametrize(
    "forged",
    [
        {"files": ["/etc/passwd"]},
        {"files": ["../../../outside.yaml"]},
        {"files": ["../../link.yaml"]},
        {"env_files": ["../../../outside.yaml"]},
        {"project_directory": "/etc"},
        {"directory": "/"},
        {"directory": "../../.."},
    ],
    ids=str,
)
@pytest.mark.parametrize("form", ["text", "json", "github", "markdown"])
def test_a_forged_manifest_shows_no_file_of_the_machine(
    form: str, forged: dict[str, object], program: Program, tmp_path: Path
) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "compose.yaml").write_text("name: shop\nservices: {web: {image: app}}\n")
    (tmp_path / "outside.yaml").write_text(f"{VALUE}: [\n")
    (checkout / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    assert program("convert", "-q", cwd=checkout).status == 0
    forge(checkout, **forged)
    done = program("check", "--format", form, cwd=checkout)
    assert done.status == 2
    assert "C2F339" in done.out
    assert "compose2fargate.json" in done.out or form == "markdown"
    assert VALUE not in done.out + done.err
    assert "root:" not in done.out + done.err


def test_a_manifest_may_name_what_else_is_in_the_repository(program: Program, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "base.yaml").write_text("name: shop\nservices: {web: {image: app}}\n")
    below = tmp_path / "deploy"
    below.mkdir()
    assert program("-f", "../base.yaml", "convert", "-q", cwd=below).status == 0
    assert program("check", cwd=below).status == 0
