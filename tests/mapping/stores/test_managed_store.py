"""Databases and caches that AWS runs: what they become, and that no client is left with the old name or a password in plain text."""

from __future__ import annotations

from typing import Any

import pytest

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import DiscoveryService, IngressRule
from compose2fargate.aws.stack_rules import dangling_refs
from compose2fargate.aws.store_resources import (
    CacheParameterGroup,
    CacheReplicationGroup,
    DbInstance,
    DbParameterGroup,
    DiscoveryInstance,
)
from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.emitters.cloudformation.cloudformation_target import CloudFormationEmitter
from compose2fargate.emitters.json_files.json_target import JsonEmitter
from compose2fargate.emitters.terraform.terraform_module import TerraformEmitter
from compose2fargate.mapping.stores import store_choice
from compose2fargate.mapping.stores.client_addresses import in_text
from compose2fargate.mapping.stores.engines import ENGINES
from compose2fargate.mapping.stores.managed_store import ManagedStore
from compose2fargate.mapping.stores.store_building import aws_name
from compose2fargate.mapping.stores.store_versions import engine_version, stated_version
from compose2fargate.workflows.translating import Translated
from tests.mapping.conftest import Translate
from tests.mapping.containers.test_task_definitions import definition

POSTGRES = (
    "services:\n"
    "  db:\n"
    "    image: %s\n"
    "    environment: {POSTGRES_USER: app, POSTGRES_PASSWORD: t0p-s3cret, POSTGRES_DB: shop}\n"
    "    x-fargate: {managed: %s}\n"
    "  web:\n"
    "    image: registry.example.com/web:1\n"
    "    environment: %s\n"
)


def postgres(image: str = "postgres:16-alpine", managed: str = "true", web: str = "{DB_HOST: db}") -> str:
    return POSTGRES % (image, managed, web)


def found(made: Translated, kind: type[Any]) -> Any:
    (one,) = (resource for _, resource in made.translation.stack.of_type(kind))
    return one


def said(made: Translated, code: str) -> list[Diagnostic]:
    return [one for one in made.diagnostics if one.code == code]


def refusals(made: Translated) -> list[str]:
    return [one.code for one in made.diagnostics if one.severity is Severity.ERROR]


def environment(made: Translated, service: str = "web") -> dict[str, Any]:
    (container, *_) = definition(made, service).container_definitions
    return {one.name: one.value for one in container.environment}


def secrets(made: Translated, service: str = "web") -> dict[str, Any]:
    (container, *_) = definition(made, service).container_definitions
    return {one.name: one.value_from for one in container.secrets}


# -- what a store becomes ------------------------------------------------------------------------------------


def test_nothing_is_managed_unless_it_is_asked_for(translated: Translate) -> None:
    made = translated(postgres(managed="false"), managed=("auto",))
    assert "service/db" in made.translation.stack.resources
    assert not list(made.translation.stack.of_type(DbInstance))
    assert environment(made)["DB_HOST"] == "db"


def test_postgresql_becomes_a_database_of_rds_and_its_task_is_gone(translated: Translate) -> None:
    made = translated(postgres())
    stack = made.translation.stack
    database = found(made, DbInstance)
    assert (database.engine, database.engine_version, database.db_name, database.master_username) == (
        "postgres", "16", "shop", "app",
    )  # fmt: skip
    assert {i for i in stack.resources if i.endswith("/db")} == {
        "discovery-service/db", "db-parameter-group/db", "db-instance/db", "discovery-instance/db",
    }  # fmt: skip
    assert (database.deletion_protection, database.storage_encrypted, database.publicly_accessible) == (
        True,
        True,
        False,
    )
    assert database.backup_retention_period == 7
    assert dangling_refs(stack) == []
    assert refusals(made) == []


def test_another_major_version_gets_a_parameter_group_of_its_own(translated: Translate) -> None:
    """AWS changes the family of no group, and deletes none that a database uses: the new one needs another name."""
    groups = [
        found(translated(postgres(managed=f"{{version: '{version}'}}")), DbParameterGroup)
        for version in ("16", "17")
    ]
    assert [group.db_parameter_group_name for group in groups] == ["shop-db-postgres16", "shop-db-postgres17"]


@pytest.mark.parametrize("flags", [{"managed": ("db",)}, {"managed": ("auto",)}])
def test_a_flag_asks_for_it_too(flags: dict[str, Any], translated: Translate) -> None:
    text = postgres().replace("    x-fargate: {managed: true}\n", "")
    assert found(translated(text, **flags), DbInstance).engine == "postgres"


def test_its_options_choose_class_storage_and_zones(translated: Translate) -> None:
    own = "{class: db.m7g.large, storage: 50, multi_az: true, backup_days: 14, deletion_protection: false, version: '17'}"
    made = translated(postgres(managed=own))
    database = found(made, DbInstance)
    assert (database.db_instance_class, database.allocated_storage, database.multi_az) == (
        "db.m7g.large",
        50,
        True,
    )
    assert (database.backup_retention_period, database.deletion_protection, database.engine_version) == (
        14,
        False,
        "17",
    )
    assert "not in the table" in said(made, "C2F570")[0].message


def test_redis_becomes_valkey_that_takes_clients_with_tls_and_without(translated: Translate) -> None:
    made = translated(
        "services:\n"
        "  cache: {image: 'redis:7', command: redis-server --maxmemory-policy allkeys-lru, x-fargate: {managed: {multi_az: true}}}\n"
        "  web: {image: 'registry.example.com/web:1', environment: {REDIS_URL: 'redis://cache:6379/0'}}\n"
    )
    cache = found(made, CacheReplicationGroup)
    assert (cache.engine, cache.engine_version, cache.num_cache_clusters) == ("valkey", "7.2", 2)
    assert (cache.transit_encryption_enabled, cache.transit_encryption_mode) == (True, "preferred")
    assert found(made, CacheParameterGroup).parameters == {"maxmemory-policy": "allkeys-lru"}
    assert environment(made)["REDIS_URL"] == "redis://cache.shop.internal:6379/0"


def test_a_cache_that_asks_for_a_password_is_refused_by_name_and_stays_a_container_by_auto(
    translated: Translate,
) -> None:
    text = "services: {cache: {image: 'redis:7', command: redis-server --requirepass t0p-s3cret%s}}"
    assert refusals(translated(text % ", x-fargate: {managed: true}")) == ["C2F574"]
    made = translated(text % "", managed=("auto",))
    assert "service/cache" in made.translation.stack.resources
    assert [one.severity for one in said(made, "C2F571")] == [Severity.WARNING]


def test_timescale_is_refused_with_the_reason(translated: Translate) -> None:
    made = translated(postgres(image="timescale/timescaledb:latest-pg16"))
    assert "extension timescaledb" in said(made, "C2F571")[0].message
    assert refusals(made) == ["C2F571"]


def test_an_image_that_nothing_is_known_of_needs_an_engine(translated: Translate) -> None:
    assert "C2F571" in refusals(translated(postgres(image="registry.example.com/my-database:1")))
    made = translated(
        postgres(image="registry.example.com/my-database:1", managed="{engine: postgres, version: '16'}")
    )
    assert found(made, DbInstance).engine_version == "16"


def test_a_service_that_does_not_exist_is_named(translated: Translate) -> None:
    assert said(translated(postgres(), managed=("dB",)), "C2F212")


@pytest.mark.parametrize(
    ("engine", "image", "version"),
    [
        ("postgres", "postgres:16-alpine", "16"),
        ("postgres", "postgres:16.4-bookworm", "16"),
        ("postgres", "postgis/postgis:15-3.4", "15"),
        ("postgres", "pgvector/pgvector:0.8.0-pg17-trixie", "17"),
        ("postgres", "pgvector/pgvector:0.8.0", "17"),
        ("postgres", "postgres:9.6", ""),
        ("postgres", "postgres", "17"),
        ("mysql", "mysql:8", "8.4"),
        ("mysql", "mysql:8.0.36", "8.0"),
        ("mysql", "mysql:5.7", ""),
        ("mariadb", "mariadb:10", "10.11"),
        ("mariadb", "mariadb:11.4.2", "11.4"),
        ("mariadb", "localhost:5000/mariadb:lts", "11.8"),
        ("valkey", "redis:7-alpine", "7.2"),
        ("valkey", "redis:6.2", "7.2"),
        ("valkey", "redis:8.0", "8.0"),
        ("valkey", "eqalpha/keydb:x86_64_v6.3.4", "8.0"),
    ],
)  # fmt: skip
def test_versions(engine: str, image: str, version: str) -> None:
    known = ENGINES[engine]
    repository = image.rpartition("/")[2].partition(":")[0]
    assert engine_version(known, stated_version(known, image, repository)) == version


@pytest.mark.parametrize(
    ("version", "expected"), [("14", {}), ("15", {"rds.force_ssl": "0"}), ("17", {"rds.force_ssl": "0"})]
)
def test_clients_without_tls_get_in_as_they_did(
    version: str, expected: dict[str, str], translated: Translate
) -> None:
    made = translated(postgres(image=f"postgres:{version}"))
    assert found(made, DbParameterGroup).parameters == expected


def test_settings_of_the_command_carry_over_in_the_units_of_the_parameter_group(
    translated: Translate,
) -> None:
    text = postgres().replace(
        "    x-fargate",
        "    command: ['postgres', '-c', 'work_mem=16MB', '-cmax_connections=200', '-c', 'statement_timeout=30s', '-c',"
        " 'shared_buffers=1GB', '-c', 'fsync=off', '-c', 'listen_addresses=*']\n    x-fargate",
        1,
    )
    made = translated(text)
    assert found(made, DbParameterGroup).parameters == {
        "rds.force_ssl": "0", "work_mem": "16384", "max_connections": "200", "statement_timeout": "30000",
    }  # fmt: skip
    lost = {one.severity: one.message for one in said(made, "C2F573")}
    assert "shared_buffers" in lost[Severity.INFO]
    assert lost[Severity.WARNING].startswith("fsync of the command")


def test_files_that_the_container_read_are_told(translated: Translate, tmp_path: Any) -> None:
    (tmp_path / "init").mkdir()
    text = postgres().replace(
        "    x-fargate", "    volumes: ['./init:/docker-entrypoint-initdb.d']\n    x-fargate", 1
    )
    assert "docker-entrypoint-initdb.d" in said(translated(text), "C2F573")[0].message


# -- logins --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("POSTGRES_USER: app", "POSTGRES_USER: admin"),
        ("POSTGRES_USER: app", "POSTGRES_USER: my-app"),
        ("POSTGRES_USER: app", "POSTGRES_USER_FILE: /run/secrets/user"),
        ("POSTGRES_DB: shop", "POSTGRES_DB: my-shop"),
        ("POSTGRES_PASSWORD: t0p-s3cret", "POSTGRES_PASSWORD: short"),
        ("POSTGRES_PASSWORD: t0p-s3cret", "POSTGRES_PASSWORD: 'with/slash@1'"),
        ("POSTGRES_PASSWORD: t0p-s3cret", "POSTGRES_HOST_AUTH_METHOD: trust"),
    ],
)
def test_logins_that_rds_does_not_take_are_refused(old: str, new: str, translated: Translate) -> None:
    made = translated(postgres().replace(old, new))
    assert "C2F574" in refusals(made)
    assert "short" not in str(said(made, "C2F574"))
    assert "with/slash" not in str(said(made, "C2F574"))


@pytest.mark.parametrize(("size", "codes"), [(7, ["C2F574"]), (8, []), (128, []), (129, ["C2F574"])])
def test_a_password_in_a_file_is_held_to_its_length(
    size: int, codes: list[str], translated: Translate, tmp_path: Any
) -> None:
    (tmp_path / "password.txt").write_text("/" * size)
    text = postgres().replace("POSTGRES_PASSWORD: t0p-s3cret", "POSTGRES_PASSWORD_FILE: /run/secrets/pw")
    text = text.replace("    x-fargate", "    secrets: [pw]\n    x-fargate", 1)
    made = translated(f"{text}secrets: {{pw: {{file: ./password.txt}}}}\n")
    assert refusals(made) == codes
    assert "//" not in str(said(made, "C2F574")).replace("https://", "")


def test_a_major_upgrade_is_asked_for_in_each_target(translated: Translate) -> None:
    asked = translated(postgres(managed="{allow_major_version_upgrade: true}"))
    assert found(asked, DbInstance).allow_major_version_upgrade is True
    for made, there in ((asked, True), (translated(postgres()), False)):
        terraform = TerraformEmitter().emit(made.translation.stack, made.settings)
        assert any("allow_major_version_upgrade" in text for text in terraform.values()) == there
        template = CloudFormationEmitter().emit(made.translation.stack, made.settings)
        assert any("AllowMajorVersionUpgrade" in text for text in template.values()) == there
        inputs = JsonEmitter().emit(made.translation.stack, made.settings)["db-instances/db.json"]
        assert "AllowMajorVersionUpgrade" not in inputs  # CreateDBInstance knows no such member


def test_without_a_user_root_administers_mysql(translated: Translate) -> None:
    text = (
        "services: {db: {image: 'mysql:8.4', environment: {MYSQL_ROOT_PASSWORD: t0p-s3cret, MYSQL_DATABASE: shop%s}, "
        "x-fargate: {managed: true}}}"
    )
    assert found(translated(text % ""), DbInstance).master_username == "root"
    made = found(translated(text % ", MYSQL_USER: app, MYSQL_PASSWORD: an0ther-one"), DbInstance)
    assert (made.master_username, made.master_user_password) == (
        "app",
        Ref("secret/db-MYSQL_PASSWORD", "value"),
    )


def test_the_password_is_a_secret_wherever_a_client_has_it(translated: Translate) -> None:
    web = "{URL: 'postgres://app:t0p-s3cret@db:5432/shop', DB_PASSWORD: t0p-s3cret, NAME: shop, API_TOKEN: other-Token-1}"
    made = translated(postgres(web=web))
    assert secrets(made) == {
        "DB_PASSWORD": Ref("secret/db-POSTGRES_PASSWORD", "name"),
        "URL": Ref("secret/web-URL", "name"),
    }
    # Nothing else becomes a secret unasked.
    assert environment(made) == {"NAME": "shop", "API_TOKEN": "other-Token-1"}
    assert found(made, DbInstance).master_user_password == Ref("secret/db-POSTGRES_PASSWORD", "value")
    assert "t0p-s3cret" not in str(TerraformEmitter().emit(made.translation.stack, made.settings))


def test_a_url_is_stored_with_the_name_of_the_store(translated: Translate) -> None:
    from compose2fargate.api import LoadOptions
    from compose2fargate.workflows.deploying import secret_values

    made = translated(postgres(web="{URL: 'postgres://app:t0p-s3cret@db:5432/shop'}"))
    read = secret_values(made, LoadOptions())
    assert read("/shop/web/URL") == "postgres://app:t0p-s3cret@db.shop.internal:5432/shop"
    assert read("/shop/db/POSTGRES_PASSWORD") == "t0p-s3cret"


def test_a_password_without_a_value_is_shared_by_its_name(translated: Translate) -> None:
    text = postgres(web="{POSTGRES_PASSWORD: }").replace(
        "POSTGRES_PASSWORD: t0p-s3cret", "POSTGRES_PASSWORD: "
    )
    made = translated(text)
    assert secrets(made) == {"POSTGRES_PASSWORD": Ref("secret/db-POSTGRES_PASSWORD", "name")}


def test_a_password_in_a_file_is_the_secret_of_the_file(translated: Translate, tmp_path: Any) -> None:
    (tmp_path / "pw").write_text("t0p-s3cret")
    text = postgres().replace("POSTGRES_PASSWORD: t0p-s3cret", "POSTGRES_PASSWORD_FILE: /run/secrets/pw")
    made = translated(
        text.replace("    x-fargate", "    secrets: [pw]\n    x-fargate", 1) + "secrets: {pw: {file: ./pw}}\n"
    )
    assert found(made, DbInstance).master_user_password == Ref("secret/pw", "value")
    assert "secret/pw" in made.translation.stack.resources


def test_a_password_of_the_users_is_read_where_it_is(translated: Translate) -> None:
    text = postgres().replace("{managed: true}", "{managed: true, secrets: {POSTGRES_PASSWORD: /shared/db}}")
    made = translated(text)
    assert (
        'ephemeral "aws_ssm_parameter" "db_password"'
        in TerraformEmitter().emit(made.translation.stack, made.settings)["secrets.tf"]
    )


def test_a_command_with_the_password_is_refused(translated: Translate) -> None:
    made = translated(postgres() + "    command: ['run', '--dsn', 'postgres://app:t0p-s3cret@db/shop']\n")
    (one,) = (one for one in said(made, "C2F572") if one.severity is Severity.ERROR)
    assert one.location is not None
    assert "t0p-s3cret" not in one.message


def test_a_password_that_is_a_common_word_is_no_password_in_a_command(translated: Translate) -> None:
    text = postgres(web="{}").replace("t0p-s3cret", "chirpstack")
    assert refusals(translated(text + "    command: ['-c', '/etc/chirpstack']\n")) == []
    made = translated(text + "    command: ['--password', 'chirpstack']\n")
    assert refusals(made) == ["C2F572"]


# -- clients -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgres://u:p@db:5432/db?application_name=db", "postgres://u:p@HOST:5432/db?application_name=db"),
        ("postgres://db@db/db", "postgres://db@HOST/db"),
        ("jdbc:postgresql://DB:5432/x", "jdbc:postgresql://HOST:5432/x"),
        ("mongodb://a:1,db:2/x", "mongodb://a:1,HOST:2/x"),
        ("db:5432", "HOST:5432"),
        ("db.example.com:5432", "db.example.com:5432"),
        ("user:pw@tcp(db:3306)/db?x=y", "user:pw@tcp(HOST:3306)/db?x=y"),
        ("user:pw@tcp(db)/db", "user:pw@tcp(HOST)/db"),
        ("Host=db;Port=5432;Database=db", "Host=HOST;Port=5432;Database=db"),
        ("host=db port=5432 dbname=db", "host=HOST port=5432 dbname=db"),
        ("pg_dump -h db -U app db", "pg_dump -h HOST -U app db"),
        ("the db is large", "the db is large"),
        ("http://my-db/x", "http://my-db/x"),
    ],
)
def test_texts(text: str, expected: str) -> None:
    store = ManagedStore(None, None, "", "HOST", {}, frozenset())  # type: ignore[arg-type]
    assert in_text(text, {"db": store}) == expected


def test_every_name_of_the_store_is_replaced(translated: Translate) -> None:
    text = postgres(web="{A_HOST: primary, B_HOST: shop-db, C_URL: 'postgres://linked:5432/x'}").replace(
        "    x-fargate",
        "    container_name: shop-db\n    networks: {default: {aliases: [primary]}}\n    x-fargate",
        1,
    )
    made = translated(text + "    links: ['db:linked']\n")
    assert refusals(made) == []
    assert environment(made) == {
        "A_HOST": "db.shop.internal", "B_HOST": "db.shop.internal", "C_URL": "postgres://db.shop.internal:5432/x",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["PAPERLESS_DBHOST", "APP_MYSQLHOST", "PGHOST", "app.dbhostname"])
def test_a_host_variable_needs_no_sign_before_the_word(name: str, translated: Translate) -> None:
    assert environment(translated(postgres(web=f"{{{name}: db}}")))[name] == "db.shop.internal"


def test_words_of_commands_and_health_checks_are_replaced(translated: Translate) -> None:
    made = translated(
        postgres(web="{}") + "    command: ['wait-for', 'db:5432', '--', 'psql', '-h', 'db', 'db']\n"
        "    healthcheck: {test: ['CMD-SHELL', 'pg_isready -h db']}\n"
    )
    (container,) = definition(made, "web").container_definitions
    host = "db.shop.internal"
    assert container.command == ("wait-for", f"{host}:5432", "--", "psql", "-h", host, "db")


def test_a_user_that_is_called_like_the_store_is_no_host(translated: Translate) -> None:
    text = postgres(web="{URL: 'postgres://db:12345@db:5432/db'}")
    assert refusals(translated(text)) == []


def test_a_form_that_is_not_understood_is_an_error_with_its_line(translated: Translate) -> None:
    made = translated(postgres(web="{DSN: 'weird:user@db?x=1'}"))
    (one,) = said(made, "C2F572")
    assert one.severity is Severity.ERROR
    assert one.location is not None
    assert one.location.line == 8


def test_a_file_that_names_a_store_is_told_with_its_line(translated: Translate, tmp_path: Any) -> None:
    (tmp_path / "app.ini").write_text("[db]\nurl = postgres://db:5432/shop\n")
    made = translated(
        postgres(web="{}") + "    volumes: ['./app.ini:/etc/app.ini']\n    x-fargate: {files: init}\n"
    )
    (one,) = said(made, "C2F572")
    assert (one.severity, one.message[:10]) == (Severity.WARNING, "app.ini:2 ")
    assert one.hint == "write db.shop.internal there"


# -- who reaches it ------------------------------------------------------------------------------------------


def test_only_clients_are_let_in_and_they_wait_for_the_name(translated: Translate) -> None:
    made = translated(postgres() + "  other: {image: 'registry.example.com/other:1'}\n")
    stack = made.translation.stack
    rule = stack.resources["ingress-rule/store:db"]
    assert isinstance(rule, IngressRule)
    clients = Ref("security-group/store-clients", "id")
    assert (rule.group_id, rule.from_port, rule.source_group_id) == (
        Ref("security-group/store:db", "id"),
        5432,
        clients,
    )
    groups = {
        name: stack.resources[f"service/{name}"].network_configuration.awsvpc_configuration.security_groups  # type: ignore[union-attr]
        for name in ("web", "other")
    }
    assert clients in groups["web"]
    assert clients not in groups["other"]
    assert [one.logical_id for one in stack.after["service/web"]] == ["discovery-instance/db"]
    assert "service/other" not in stack.after


def test_the_name_leads_to_the_endpoint(translated: Translate) -> None:
    made = translated(postgres())
    assert found(made, DiscoveryService).record_type == "CNAME"
    assert found(made, DiscoveryInstance).target == Ref("db-instance/db", "endpoint")


def test_a_client_by_depends_on_alone_is_let_in_and_a_store_without_clients_is_told(
    translated: Translate,
) -> None:
    with_one = translated(postgres(web="{}") + "    depends_on: [db]\n")
    assert "discovery-instance/db" in str(with_one.translation.stack.after)
    without = translated(postgres(web="{}"))
    assert any("no task is let in" in one.message for one in said(without, "C2F570"))


def test_a_service_that_others_share_a_container_with_is_refused(translated: Translate) -> None:
    made = translated(
        postgres() + "  exporter: {image: 'registry.example.com/e:1', network_mode: 'service:db'}\n"
    )
    assert "C2F571" in refusals(made)


def test_one_subnet_is_not_enough(translated: Translate) -> None:
    assert "C2F571" in refusals(translated(postgres(), subnets=("subnet-0a1b2c3d",)))


@pytest.mark.parametrize(
    ("stack", "name", "limit"),
    [("shop", "db", 63), ("My_Shop", "my_db", 63), ("1st", "--", 40), ("x" * 80, "db", 40)],
)
def test_names_are_legal(stack: str, name: str, limit: int) -> None:
    made = aws_name(stack, name, limit)
    assert len(made) <= limit
    assert made[0].isalpha()
    assert "--" not in made
    assert not made.endswith("-")
    assert aws_name(stack, "other", limit) != made


def test_what_became_of_each_key_is_explained(translated: Translate) -> None:
    rows = {key.path: key.row.what for key in translated(postgres()).accounted}
    assert rows["services", "db", "image"] == "RDS for PostgreSQL 16"
    assert (
        rows["services", "db", "environment", "POSTGRES_PASSWORD"] == "the password of app, kept as a secret"
    )


def test_each_store_and_service_is_looked_at_a_few_times_however_many_there_are(
    translated: Translate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each store was looked at for every service and variable, so that 1,500 stores with as many clients took minutes."""
    count, looks = 60, {"password": 0, "options": 0}
    read, options_of = ManagedStore.known_password.fget, store_choice.options_of  # type: ignore[attr-defined]

    def password(store: ManagedStore) -> Any:
        looks["password"] += 1
        return read(store)

    def options(service: Any) -> Any:
        looks["options"] += 1
        return options_of(service)

    monkeypatch.setattr(ManagedStore, "known_password", property(password))
    monkeypatch.setattr(store_choice, "options_of", options)
    translated(
        "services:\n"
        + "".join(
            f"  db{n}: {{image: postgres:16, environment: {{POSTGRES_PASSWORD: Canary-{n}x}}, x-fargate: {{managed: true}}}}\n"
            f"  web{n}: {{image: example/web, environment: {{DB_HOST: db{n}, DB_PASSWORD: Canary-{n}x, A: b}}}}\n"
            for n in range(count)
        )
    )
    assert 0 < looks["password"] <= 5 * count
    assert 0 < looks["options"] <= 5 * 2 * count


def test_a_copy_of_the_password_in_plain_text_is_told_wherever_it_stands(translated: Translate) -> None:
    text = (
        postgres(web="{CUSTOM: xt0p-s3crety, LOG_LEVEL: info}")
        + "    labels: {note: 'is_t0p-s3cret', tier: web}\n"
    )
    told = said(translated(text), "C2F542")
    assert sorted(str(one.path[-1]) for one in told) == ["CUSTOM", "note"]
    assert not any("t0p-s3cret" in one.message + one.hint for one in told)
    short = postgres(web="{HINT: k1}").replace("t0p-s3cret", "k1")
    assert [one.path[-1] for one in said(translated(short), "C2F542")] == ["HINT"]


@pytest.mark.parametrize(
    ("secret", "codes"),
    [
        ("arn:aws:secretsmanager:us-east-1:123456789012:secret:shop-AbCdEf", []),
        ("arn:aws:secretsmanager:us-east-1:123456789012:secret:shop-AbCdEf:password::", ["C2F574"]),
        ("arn:aws:secretsmanager:us-east-1:123456789012:secret:shop-AbCdEf::AWSPREVIOUS:", ["C2F574"]),
        ("/shop/password", []),
    ],
)
def test_a_password_that_is_one_key_of_a_secret_is_refused(
    translated: Translate, secret: str, codes: list[str]
) -> None:
    """RDS is given the whole secret, and the look-up takes no key after its ARN."""
    text = f"services: {{db: {{image: 'postgres:16', x-fargate: {{managed: true, secrets: {{POSTGRES_PASSWORD: '{secret}'}}}}}}}}"
    assert refusals(translated(text)) == codes
