from __future__ import annotations

from pathlib import Path

import pytest

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import ManagedSecret, SecretParameter
from compose2fargate.credentials import is_proposed, passwords_in_command
from compose2fargate.diagnostics import Severity
from tests.mapping.conftest import Translate
from tests.mapping.containers.test_task_definitions import codes, container, definition

ONE = "services: {web: {image: a, secrets: [key]%s}}\nsecrets: {key: %s}"


def written(made: object) -> list[object]:
    return [s.value_from for s in definition(made).container_definitions[-1].secrets]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("DB_PASSWORD", "x", True), ("API_KEY", "x", True), ("TOKEN", "x", True), ("SECRET_NAME", "x", False),
     ("PASSWORD_FILE", "/run/x", False), ("ALLOW_EMPTY_PASSWORD", "yes", False), ("DB_PASSWORD", "", False),
     ("DATABASE_URL", "postgres://u:p@db/x", True), ("DATABASE_URL", "postgres://db/x", False), ("MONKEY", "x", False),
     ("APP_KEY", "base64:S3x0cGd5dXJ3ZXF3ZXJ0eTEyMzQ1Njc4OTBhYmNkZWY=", True), ("PUSHER_APP_KEY", "coolify", False),
     ("REDIS_AUTH", "hunter2", True), ("SALT", "abc", True), ("PGPASSWORD", "x", True), ("sonar.jdbc.password", "x", True),
     ("clientSecret", "x", True), ("MEILI_MASTER_KEY", "x", True), ("FERNET_KEY", "46BKJoQYlPPOexq0OhDZnIlNepKFf87WFwLbfzqDDho=", True),
     ("SECRET_KEY_BASE", "x", True), ("SETTING", "ghp_abcdefghijklmnop1234", True), ("SETTING", "-----BEGIN RSA PRIVATE KEY-----", True),
     ("JAAS_CONFIG", 'PlainLoginModule required username="u" password="hunter2";', True),
     ("API_KEY_RATE_LIMIT", "60/minute", False), ("RATE_LIMIT_TOKEN", "10/minute", False), ("TOKEN_SIGNATURE_ALGORITHM", "RS256", False),
     ("TLS_KEY", "/crypto/key1.pem", False), ("CREDENTIALS", "/run/creds.json", False), ("WEBUI_AUTH", "true", False),
     ("NEO4J_AUTH", "none", False), ("SSL_CLIENT_AUTH", "requested", False), ("CLUSTER_ID", "MkU3OEVBNTcwNTJENDM2Qk", False),
     ("HOST_AUTH_METHOD", "scram-sha-256", False), ("NEXT_PUBLIC_API_KEY", "abc", False), ("STRIPE_PUBLISHABLE_KEY", "abc", False),
     ("BCRYPT_SALT_ROUNDS", "12", False),
     ("MAILGUN_KEY", "x", True), ("SESSION_KEY", "x", True), ("billing.key", "x", True), ("GEO_KEY", "/etc/geo/key.pem", False),
     ("ORDERS_ROUTING_KEY", "orders.created", False), ("CACHE_KEY", "v2", False), ("KEY", "x", False), ("MONKEY_BUSINESS", "x", False),
     ("SENTRY_DSN", "https://0a1b@o1.ingest.example.com/2", True), ("MYSQL_DSN", "root:pw@tcp(db:3306)/shop", True),
     ("PG_DSN", "host=db user=app password=hunter2", True), ("STATSD_DSN", "udp://statsd:8125", False),
     ("PG_DSN", "host=db user=app", False),
     ("SETTING", "dckr_pat_abcdefghijklmnopqrstu", True), ("SETTING", "SK0123456789abcdef0123456789abcdef", True)],
)  # fmt: skip
def test_which_variables_look_like_credentials(name: str, value: str, *, expected: bool) -> None:
    assert is_proposed(name, value) is expected


def test_a_secret_of_the_file_is_a_parameter_whose_value_is_nowhere(
    translated: Translate, tmp_path: Path
) -> None:
    (tmp_path / "key.txt").write_text("canary", encoding="utf-8")
    made = translated(ONE % ("", "{file: ./key.txt}"), secret_files="init")
    parameter = made.translation.stack.resources["secret/key"]
    assert isinstance(parameter, SecretParameter)
    assert parameter.name == "/shop/key"
    assert written(made) == [Ref("secret/key", "name")]
    (secret,) = made.translation.secrets
    assert (secret.store, secret.kind, secret.source) == ("ssm", "file", str(tmp_path / "key.txt"))
    assert "canary" not in repr(made.translation)
    assert str(tmp_path / "key.txt") not in made.inputs


@pytest.mark.parametrize(
    ("size", "asked", "flags", "store"),
    [(4096, "", {}, "ssm"), (4097, "", {}, "secretsmanager"), (5, ", x-fargate: {store: secretsmanager}", {}, "secretsmanager"),
     (5, "", {"secrets_store": "secretsmanager"}, "secretsmanager"),
     (5, ", x-fargate: {store: ssm}", {"secrets_store": "secretsmanager"}, "ssm")],
)  # fmt: skip
def test_where_a_secret_is_kept(
    size: int, asked: str, flags: dict[str, str], store: str, translated: Translate, tmp_path: Path
) -> None:
    (tmp_path / "key.txt").write_text("x" * size, encoding="utf-8")
    made = translated(ONE % ("", f"{{file: ./key.txt{asked}}}"), secret_files="init", **flags)
    kind = {"ssm": SecretParameter, "secretsmanager": ManagedSecret}[store]
    assert isinstance(made.translation.stack.resources["secret/key"], kind)
    assert made.translation.secrets[0].store == store
    assert written(made) == [Ref("secret/key", "name" if store == "ssm" else "arn")]


def test_external_secrets_are_literals(translated: Translate) -> None:
    made = translated(ONE % ("", "{external: true, name: /shared/key}"), secret_files="init")
    assert written(made) == ["/shared/key"]
    assert "secret/key" not in made.translation.stack.resources
    assert made.translation.secrets[0].kind == "external"


def test_without_being_asked_no_container_is_added_but_the_line_to_write_is_given(
    translated: Translate,
) -> None:
    made = translated(ONE % ("", "{environment: KEY}"))
    assert len(definition(made).container_definitions) == 1
    assert "secret_files: init" in next(d.hint for d in made.diagnostics if d.code == "C2F289")
    assert made.translation.secrets == ()


def test_variables_that_look_like_credentials_become_parameters(translated: Translate) -> None:
    text = "services: {web: {image: a, environment: {API_TOKEN: canary, LEVEL: info, PASSED_TOKEN: }, x-fargate: {secrets: auto}}}"
    made = translated(text)
    names = {s.name: s.value_from for s in container(made).secrets}
    assert names == {
        "API_TOKEN": Ref("secret/web-API_TOKEN", "name"),
        "PASSED_TOKEN": Ref("secret/web-PASSED_TOKEN", "name"),
    }
    assert [pair.name for pair in container(made).environment] == ["LEVEL"]
    assert [(s.name, s.kind, s.source) for s in made.translation.secrets] == [
        ("/shop/web/API_TOKEN", "variable", "web.API_TOKEN"),
        ("/shop/web/PASSED_TOKEN", "environment", "PASSED_TOKEN"),
    ]
    assert "canary" not in repr((made.translation.stack, made.diagnostics, made.translation.secrets))
    assert not codes(made) & {"C2F230", "C2F233"}


def test_the_setting_goes_for_all_services_and_names_of_the_file_win(translated: Translate) -> None:
    text = "services: {web: {image: a, environment: {API_TOKEN: canary, B_TOKEN: canary}, x-fargate: {secrets: {API_TOKEN: /mine}}}}"
    made = translated(text, secrets="auto")
    assert {s.name: s.value_from for s in container(made).secrets} == {
        "API_TOKEN": "/mine",
        "B_TOKEN": Ref("secret/web-B_TOKEN", "name"),
    }


def test_a_secret_and_a_variable_of_one_name_stay_apart(translated: Translate) -> None:
    text = (
        "services: {web: {image: a, secrets: [web-TOKEN], environment: {TOKEN: canary}, x-fargate: {secrets: auto}}}\n"
        "secrets: {web-TOKEN: {environment: X}}"
    )
    made = translated(text, secret_files="init")
    assert {s.name for s in made.translation.secrets} == {"/shop/web-TOKEN", "/shop/web/TOKEN"}
    assert {"secret/web-TOKEN", "secret/web-TOKEN-variable"} <= set(made.translation.stack.resources)


def test_a_wrong_store_is_found(translated: Translate) -> None:
    from compose2fargate.diagnostics import LoadError

    with pytest.raises(LoadError):
        translated(ONE % ("", "{environment: X, x-fargate: {store: vault}}"))


def test_a_secret_that_cannot_be_written_is_reported(translated: Translate) -> None:
    text = "services: {web: {image: a, secrets: [{source: key, target: /etc/key}]}}\nsecrets: {key: {environment: X}}"
    made = translated(text, secret_files="init")
    assert "C2F286" in codes(made, Severity.WARNING)
    assert len(definition(made).container_definitions) == 1


SHARED = """
services:
  api: {image: a, environment: {DB_PASSWORD: canary-1, MAIL_PASSWORD: canary-2}, depends_on: [db]}
  db: {image: postgres, environment: {POSTGRES_PASSWORD: canary-1}}
  worker: {image: a, environment: {DB_PASSWORD: canary-1, PASSED_TOKEN: }}
  zoo: {image: a, environment: {PASSED_TOKEN: }}
"""


def test_equal_values_are_one_parameter_under_the_name_of_the_service_that_others_need(
    translated: Translate,
) -> None:
    made = translated(SHARED, secrets="auto")
    assert [(s.name, s.source) for s in made.translation.secrets] == [
        ("/shop/api/MAIL_PASSWORD", "api.MAIL_PASSWORD"),
        ("/shop/db/POSTGRES_PASSWORD", "db.POSTGRES_PASSWORD"),
        ("/shop/worker/PASSED_TOKEN", "PASSED_TOKEN"),
    ]
    kept = Ref("secret/db-POSTGRES_PASSWORD", "name")
    for name, variable in (("api", "DB_PASSWORD"), ("db", "POSTGRES_PASSWORD"), ("worker", "DB_PASSWORD")):
        (one,) = (s for s in container(made, name).secrets if s.name == variable)
        assert one.value_from == kept


@pytest.mark.parametrize("project", ["aws-shop", "ssm", "awesome", "AWS_x"])
def test_names_that_ssm_refuses_get_another_prefix(project: str, translated: Translate) -> None:
    made = translated(
        ONE % ("", "{environment: X}") + f"\nx-fargate: {{cluster: {project}}}", secret_files="init"
    )
    (secret,) = made.translation.secrets
    refused = project.lower().startswith(("aws", "ssm"))
    assert secret.name.startswith(f"/stack-{project}/" if refused else f"/{project}/")


@pytest.mark.parametrize(
    ("words", "found"),
    [(["redis-server", "--requirepass", "hunter2"], ["hunter2"]), (["--requirepass", "hunter2"], ["hunter2"]),
     (["sh", "-c", "redis-server --requirepass hunter2 --port 1"], ["hunter2"]),
     (["CMD", "redis-cli", "-a", "hunter2", "ping"], ["hunter2"]),
     (["CMD-SHELL", "redis-cli -a hunter2 ping | grep PONG"], ["hunter2"]),
     (["x", "--api-key=abc", "--db-password", "def"], ["abc", "def"]),
     (["CMD-SHELL", "mysqladmin ping -uroot -phunter2"], ["hunter2"]), (["CMD-SHELL", "redis-cli -a $REDIS_PASSWORD ping"], []),
     (["CMD-SHELL", 'mysqladmin ping --password="$(cat /run/secrets/x)"'], []), (["--default-authentication-plugin=x"], []),
     (["redis-server", "--requirepass"], []), (["x", "--password-file=/run/x", "--token-provider", "y"], []), (["ls", "-a", "/x"], [])],
)  # fmt: skip
def test_which_passwords_a_command_holds(words: list[str], found: list[str]) -> None:
    assert list(passwords_in_command(words)) == found


KNOWN = """
services:
  cache: {image: redis, command: redis-server --requirepass t0p-s3cret, healthcheck: {test: [CMD, my-ping, t0p-s3cret]}}
  web: {image: a, environment: {REDIS_PASSWORD: t0p-s3cret, CACHE: "host=cache;pw=t0p-s3cret", PLAIN: x}, entrypoint: [run, t0p-s3cret]}
  other: {image: a, command: [serve, --verbose], environment: {DB_PASSWORD: shop_user1, DB_USER: shop_user1, DB: shop_user1}}
"""


def test_a_known_password_is_found_wherever_it_stands(translated: Translate) -> None:
    made = translated(KNOWN)
    told = {d.path: d for d in made.diagnostics if d.code == "C2F541"}
    assert set(told) == {
        ("services", "cache", "command"),
        ("services", "cache", "healthcheck", "test"),
        ("services", "web", "entrypoint"),
    }
    assert all(
        "that of web.REDIS_PASSWORD" in d.message and "$$REDIS_PASSWORD" in d.hint for d in told.values()
    )
    assert "t0p-s3cret" not in repr([(d.message, d.hint) for d in made.diagnostics])
    assert {d.path[-1] for d in made.diagnostics if d.code == "C2F230"} == {"REDIS_PASSWORD", "DB_PASSWORD"}
    (held,) = (d for d in made.diagnostics if d.code == "C2F542")
    assert held.path[-1] == "CACHE"
    assert "contains the password of web.REDIS_PASSWORD" in held.message


def test_a_variable_with_the_password_of_another_becomes_a_secret_too(translated: Translate) -> None:
    made = translated(KNOWN, secrets="auto")
    assert {s.name for s in container(made).secrets} == {"REDIS_PASSWORD", "CACHE"}
    assert [pair.name for pair in container(made).environment] == ["PLAIN"]


FILES = """\
services:
  db: {image: postgres, environment: {POSTGRES_PASSWORD: t0p-s3cret-word}}
  cache: {image: redis, volumes: ["./redis.conf:/usr/local/etc/redis/redis.conf:ro"]}
  pool: {image: acme/pool, volumes: ["./pool:/etc/pool:ro", "./users.sql:/init/users.sql"]}
  built: {build: ./app}
  quiet: {image: acme/q, volumes: ["./quiet.conf:/etc/quiet.conf"]}
"""


def test_a_file_with_the_password_of_a_variable_is_told_and_never_shown(
    translated: Translate, tmp_path: Path
) -> None:
    files = {
        "redis.conf": "port 6379\nrequirepass t0p-s3cret-word\n",
        "pool/pool.ini": "[databases]\nx = host=db password=t0p-s3cret-word\n",
        "users.sql": "CREATE USER a PASSWORD 't0p-s3cret-word';\n",
        "app/Dockerfile": "FROM alpine:3\nCOPY app.yml /app/app.yml\n",
        "app/app.yml": "db: postgres://a:t0p-s3cret-word@db/x\n",
        "quiet.conf": "requirepass another-word-1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    told = [d for d in translated(FILES).diagnostics if d.code == "C2F529"]
    assert {(d.path[1], d.message.partition(" contains")[0]) for d in told} == {
        ("cache", "redis.conf, line 2,"),
        ("pool", "pool/pool.ini, line 2,"),
        ("pool", "users.sql, line 1,"),
        ("built", "app/app.yml, line 1,"),
    }
    assert all("of db.POSTGRES_PASSWORD" in d.message and "t0p-s3cret" not in f"{d}" for d in told)


def test_a_placeholder_is_no_password_that_two_variables_share(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a/w, environment: {BASE_URL: replace-me, SECRET_KEY_BASE: replace-me}}}"
    )
    assert "C2F542" not in codes(made)


@pytest.mark.parametrize(
    ("name", "store", "made"),
    [
        ("db-secret", "secretsmanager", "/shop/db-secret-value"),
        ("db-secret", "ssm", "/shop/db-secret"),
        ("db-password", "secretsmanager", "/shop/db-password"),
    ],
)
def test_a_name_is_never_taken_for_the_end_of_an_arn(
    name: str, store: str, made: str, translated: Translate, tmp_path: Path
) -> None:
    """A task names a secret by its ARN without the six characters that AWS adds to it."""
    (tmp_path / "value").write_text("s3cret")
    text = (
        f"services: {{web: {{image: nginx, secrets: [{name}]}}}}\n"
        f"secrets: {{{name}: {{file: ./value, x-fargate: {{store: {store}}}}}}}\n"
    )
    stack = translated(text, secret_files="init").translation.stack
    assert stack.resources[f"secret/{name}"].name == made  # type: ignore[union-attr]
