"""Commands that do something once and end: by what their programs document, and by what they are called."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from compose2fargate.mapping.commands.server_commands import Words, first_argument, has_flag
from compose2fargate.text.lazy_patterns import lazy_pattern

_TASK = lazy_pattern(
    r"(?:(?:run|do|db|database|prisma|knex|typeorm|sequelize|drizzle|ecto|app)[-_:.])?"
    r"(?:migrate|migrations?|seed|createbuckets?|create[-_]buckets?|create[-_]topics?|createsuperuser|collectstatic|initdb"
    r"|init[-_:](?:db|database)|(?:db|database)[-_:](?:init|setup|seed|upgrade|create|prepare)|(?:upgrade|setup)[-_:](?:db|database))"
    r"(?:[-_:](?:db|database|up|latest|deploy|all|run|prod|production|dev))?(?:\.(?:sh|py|js|cjs|mjs|ts|rb|php|pl))?"
)
"""What people call a command that prepares a database or a store."""
_INTERPRETERS = lazy_pattern(r"(?:python|ruby|node|php|perl|bun|deno|tsx|ts-node|sh|ash|bash|dash)[\d.]*")
_RUNNERS = frozenset({"make", "just", "task"})


def ends_by_itself(name: str, arguments: Words) -> bool:
    """Whether a program with these arguments does something once, by its documentation."""
    return name in _ENDING or (name in _ONE_SHOTS and _ONE_SHOTS[name](arguments))


def reads_like_a_task(name: str, arguments: Words) -> bool:
    """Whether a command is called like something that is done once: `migrate`, `/scripts/init-db.sh`, `make seed`."""
    if _INTERPRETERS.fullmatch(name) or name in _RUNNERS:
        called = first_argument(arguments).rpartition("/")[2]
        return bool(_TASK.fullmatch(called))
    return bool(_TASK.fullmatch(name))


# Shell builtins are here as well: `cd /app` alone keeps nothing running.
_ENDING = frozenset(
    ": [ adduser apk apt apt-get awk basename cat cd chgrp chmod chown cp createdb createuser curl cut "  # noqa: SIM905 - eighty lines otherwise
    "date dbmate df dirname disown dnf dropdb du echo env envsubst exit export false find grep groupadd gzip head hostname htpasswd "
    "id initdb install kafka-configs kafka-configs.sh kafka-topics kafka-topics.sh kill ldconfig ln ls mkdir mkfifo mongodump "
    "mongoimport mongorestore mv mysqladmin mysqldump newman pg_dump pg_isready pg_restore pgrep pkill "
    "printenv printf ps pwd rabbitmqadmin rm rmdir sed set shift sort ssh-keygen stat supervisorctl sync tar tee terraform test touch "
    "tr trap true ulimit umask uname unset unzip update-ca-certificates useradd usermod wc wget which whoami yum zip".split()
)


def _runs_script(*endings: str, verbs: Iterable[str]) -> Callable[[Words], bool]:
    wanted = frozenset(verbs)

    def test(arguments: Words) -> bool:
        at = next((i for i, word in enumerate(arguments[:-1]) if word.endswith(endings)), None)
        return at is not None and arguments[at + 1].partition(":")[0] in wanted

    return test


def _first_is(*verbs: str) -> Callable[[Words], bool]:
    wanted = frozenset(verbs)
    return lambda arguments: (
        first_argument(arguments) in wanted or first_argument(arguments).partition(":")[0] + ":" in wanted
    )


_DJANGO_VERBS = _runs_script(
    "manage.py",
    verbs={
        "check",
        "collectstatic",
        "compilemessages",
        "createsuperuser",
        "flush",
        "loaddata",
        "makemigrations",
        "migrate",
        "test",
    },
)


def _django(arguments: Words) -> bool:
    """Whether it runs a command that ends; without one it lists them."""
    return _DJANGO_VERBS(arguments) or bool(arguments and arguments[-1].endswith("manage.py"))


_ARTISAN_VERBS = _runs_script(
    "artisan", verbs={"migrate", "db", "key", "config", "cache", "optimize", "storage"}
)
_CONSOLE = _runs_script("console", verbs={"doctrine", "cache"})


def _artisan(arguments: Words) -> bool:
    """Whether it runs a command that ends; without one it lists them."""
    return _ARTISAN_VERBS(arguments) or bool(arguments and arguments[-1].endswith("artisan"))


def _is_bare(arguments: Words) -> bool:
    """Whether there is nothing but options: the program says how it is used."""
    return all(word.startswith("-") for word in arguments)


_INSTALLS = _first_is("install", "ci", "i", "add", "audit")
_SERVING_CODE = lazy_pattern(
    r"import|require|while|loop|exec|eval|open|fetch|listen|setInterval|sleep|serve|run|use |for\b"
)


def _verbs(*starts: Words) -> Callable[[Words], bool]:
    return lambda arguments: any(arguments[: len(start)] == start for start in starts)


def _has_any(*verbs: str) -> Callable[[Words], bool]:
    return lambda arguments: not set(verbs).isdisjoint(arguments)


def _without_a_server(arguments: Words) -> bool:
    """Whether it is a line of code that loads nothing and loops nowhere."""
    return (
        len(arguments) > 1
        and arguments[0] in {"-c", "-e", "-r", "--eval"}
        and not _SERVING_CODE.search(arguments[1])
    )


def _of_python(arguments: Words) -> bool:
    if arguments[:1] == ("-m",) and arguments[1:2] and arguments[1] in {"alembic", "django"}:
        return ends_by_itself({"django": "django-admin"}.get(arguments[1], arguments[1]), arguments[2:])
    return _django(arguments) or _without_a_server(arguments)


def _of_packages(arguments: Words) -> bool:
    """Whether a package manager installs, or runs a script that is called like something done once."""
    words = tuple(word for word in arguments if not word.startswith("-"))
    script = words[1:2] if words[:1] in {("run",), ("run-script",), ("exec",)} else words[:1]
    return _is_bare(arguments) or _INSTALLS(arguments) or bool(script and _TASK.fullmatch(script[0]))


def _waits(arguments: Words) -> bool:
    """Whether a script that waits for ports is given nothing to run afterwards."""
    return bool(arguments) and all(re.fullmatch(r"-.*|\d+|\S+:\d+", word) for word in arguments)


_ONE_SHOTS: Mapping[str, Callable[[Words], bool]] = {
    "airflow": _verbs(("db", "migrate"), ("db", "init"), ("db", "upgrade"), ("users", "create")),
    "acme.sh": lambda arguments: not has_flag(arguments, "daemon"),
    "alembic": _has_any("upgrade", "downgrade", "stamp", "current", "history"),
    "atlas": _first_is("migrate", "schema"),
    "aws": lambda arguments: not has_flag(arguments, "--follow"),
    "bundle": _INSTALLS,
    "console": _first_is("doctrine:", "cache:", "messenger:setup-transports"),
    "certbot": _first_is("certonly", "renew", "run", "certificates"),
    "composer": lambda arguments: (
        _is_bare(arguments) or first_argument(arguments) in {"install", "update", "dump-autoload"}
    ),
    "diesel": _first_is("migration", "database", "setup"),
    "django-admin": _first_is("migrate", "collectstatic", "check"),
    "cqlsh": lambda arguments: has_flag(arguments, "-e", "--execute", "-f", "--file"),
    "dotnet-ef": _first_is("database", "migrations"),
    "drizzle-kit": _first_is("migrate", "push", "generate"),
    "flask": _verbs(("db", "upgrade"), ("db", "migrate"), ("db", "init")),
    "flyway": lambda arguments: bool({"migrate", "info", "validate", "repair", "clean"} & set(arguments)),
    "goose": _has_any("up", "up-to", "up-by-one", "down", "status", "version", "reset"),
    "k6": _first_is("run"),
    "knex": _first_is("migrate:", "seed:"),
    "lego": lambda arguments: bool({"run", "renew"} & set(arguments)),
    "liquibase": lambda arguments: bool({"update", "status", "validate"} & set(arguments)),
    "manage.py": _first_is("migrate", "collectstatic", "check", "createsuperuser", "loaddata"),
    "mikro-orm": _first_is("migration:", "schema:", "seeder:"),
    "mix": _first_is("ecto.migrate", "ecto.setup", "ecto.create", "ecto.reset", "deps.get", "test"),
    "mc": lambda arguments: not has_flag(arguments, "--watch", "-w", "watch"),
    "migrate": lambda arguments: bool({"up", "down", "goto", "force", "drop", "version"} & set(arguments)),
    "mongosh": lambda arguments: has_flag(arguments, "--eval", "--file"),
    "mysql": lambda arguments: has_flag(arguments, "-e", "--execute"),
    "node": _without_a_server,
    "npm": _of_packages,
    "perl": _without_a_server,
    "php": lambda arguments: _artisan(arguments) or _CONSOLE(arguments) or _without_a_server(arguments),
    "pip": _INSTALLS,
    "pip3": _INSTALLS,
    "pnpm": _of_packages,
    "prisma": lambda arguments: (
        arguments[:2] in {("migrate", "deploy"), ("db", "push"), ("db", "seed")}
        or arguments[:1] == ("generate",)
    ),
    "psql": lambda arguments: has_flag(arguments, "-c", "--command", "-f", "--file", "-l", "--list"),
    "python": _of_python,
    "python3": _of_python,
    "ruby": _without_a_server,
    "rails": _first_is("db:", "assets:"),
    "redis-cli": lambda arguments: (
        not {"monitor", "subscribe", "psubscribe", "--stat"} & {a.lower() for a in arguments}
    ),
    "rake": _first_is("db:", "assets:"),
    "sequelize": _first_is("db:"),
    "sequelize-cli": _first_is("db:"),
    "sqlx": _first_is("migrate", "database"),
    "superset": _verbs(("db", "upgrade"), ("init",), ("fab", "create-admin")),
    "typeorm": _first_is("migration:", "schema:"),
    "wp": lambda arguments: first_argument(arguments) not in {"server", "shell"},
    "wait-for": _waits,
    "wait-for-it": _waits,
    "wait-for-it.sh": _waits,
    "wait-for.sh": _waits,
    "wait-on": bool,
    "sqlcmd": lambda arguments: has_flag(arguments, "-Q", "-i"),
    "git": _first_is("checkout", "clone", "fetch", "pull"),
    "pipenv": _INSTALLS,
    "poetry": _INSTALLS,
    "uv": _first_is("sync", "pip"),
    "yarn": _of_packages,
}
