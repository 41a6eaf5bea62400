"""Commands that do not keep running, and those that do: what is plain is reported, and nothing else."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose2fargate.mapping.commands.command_lifetime import entrypoint_of, judge_command
from compose2fargate.mapping.commands.server_commands import SERVERS, SERVICES


def sh(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


# The command, and the command that the fix has to propose.
BACKGROUND: list[tuple[list[str], list[str]]] = [
    (["apachectl", "start"], ["apachectl", "-DFOREGROUND"]),
    (["/usr/sbin/apache2ctl", "restart"], ["apache2ctl", "-DFOREGROUND"]),
    (["apache2ctl", "-k", "start"], ["apache2ctl", "-DFOREGROUND"]),
    (["httpd"], ["httpd", "-DFOREGROUND"]),
    (["httpd", "-f", "/etc/httpd.conf"], ["httpd", "-DFOREGROUND"]),
    (["/usr/sbin/apache2"], ["apache2ctl", "-DFOREGROUND"]),
    (["nginx"], ["nginx", "-g", "daemon off;"]),
    (["nginx", "-c", "/etc/n.conf"], ["nginx", "-c", "/etc/n.conf", "-g", "daemon off;"]),
    (["/docker-entrypoint.sh", "nginx"], ["nginx", "-g", "daemon off;"]),
    (["php-fpm", "-D"], ["php-fpm", "-F"]),
    (["php-fpm8.2", "--daemonize", "-y", "/x.conf"], ["php-fpm8.2", "-y", "/x.conf", "-F"]),
    (["redis-server", "--daemonize", "yes"], ["redis-server"]),
    (["redis-server", "--port", "7000", "--daemonize yes"], ["redis-server", "--port", "7000"]),
    (["redis-server", "/etc/redis.conf", "--daemonize=yes"], ["redis-server", "/etc/redis.conf"]),
    (["valkey-server", "--daemonize", "yes", "--port", "1"], ["valkey-server", "--port", "1"]),
    (["mongod", "--fork", "--logpath", "/var/log/m.log", "--port", "1"], ["mongod", "--port", "1"]),
    (["supervisord"], ["supervisord", "-n"]),
    (["/usr/bin/supervisord", "-c", "/etc/s.conf"], ["/usr/bin/supervisord", "-c", "/etc/s.conf", "-n"]),
    (["gunicorn", "--daemon", "app:app"], ["gunicorn", "app:app"]),
    (["gunicorn", "-D", "-b", ":8000", "app:app"], ["gunicorn", "-b", ":8000", "app:app"]),
    (["uwsgi", "--ini", "u.ini", "--daemonize", "/var/log/u.log"], ["uwsgi", "--ini", "u.ini"]),
    (["uwsgi", "--daemonize=/log", "--ini", "u.ini"], ["uwsgi", "--ini", "u.ini"]),
    (["/usr/sbin/sshd"], ["/usr/sbin/sshd", "-D", "-e"]),
    (["cron"], ["cron", "-f"]),
    (["crond", "-l", "2"], ["crond", "-l", "2", "-f"]),
    (["rabbitmq-server", "-detached"], ["rabbitmq-server"]),
    (["pg_ctl", "-D", "/data", "start"], ["postgres", "-D", "/data"]),
    (["mysqld", "--daemonize", "--user=mysql"], ["mysqld", "--user=mysql"]),
    (["memcached", "-d", "-m", "64"], ["memcached", "-m", "64"]),
    (["haproxy", "-f", "/h.cfg", "-D"], ["haproxy", "-f", "/h.cfg"]),
    (["squid"], ["squid", "-N"]),
    (["postfix", "start"], ["postfix", "start-fg"]),
    (["pm2", "start", "app.js", "-i", "2"], ["pm2-runtime", "start", "app.js", "-i", "2"]),
    (["npx", "pm2", "start", "app.js"], ["pm2-runtime", "start", "app.js"]),
    (["celery", "multi", "start", "w1", "-A", "proj"], ["celery", "-A", "proj", "worker"]),
    (["celery", "-A", "proj", "worker", "--detach"], ["celery", "-A", "proj", "worker"]),
    (["celery", "-A", "proj", "beat", "-D"], ["celery", "-A", "proj", "beat"]),
    (["service", "nginx", "start"], ["nginx", "-g", "daemon off;"]),
    (["service", "apache2", "restart"], ["apache2ctl", "-DFOREGROUND"]),
    (["/etc/init.d/mysql", "start"], ["mysqld_safe"]),
    (["systemctl", "start", "redis-server.service"], ["redis-server"]),
    (["rc-service", "sshd", "start"], ["/usr/sbin/sshd", "-D", "-e"]),
    (["service", "php8.2-fpm", "start"], ["php8.2-fpm", "-F"]),
    (["catalina.sh", "start"], ["catalina.sh", "run"]),
    (["bin/startup.sh"], ["bin/catalina.sh", "run"]),
    (["caddy", "start", "--config", "/c"], ["caddy", "run", "--config", "/c"]),
    (["zkServer.sh", "start"], ["zkServer.sh", "start-foreground"]),
    (["forever", "start", "app.js"], ["forever", "app.js"]),
    (["lighttpd", "-f", "/etc/l.conf"], ["lighttpd", "-f", "/etc/l.conf", "-D"]),
    (["dnsmasq"], ["dnsmasq", "-k"]),
    (["elasticsearch", "-d"], ["elasticsearch"]),
    (["rails", "server", "-d"], ["rails", "server"]),
    # looked through
    (sh("apachectl start"), ["apachectl", "-DFOREGROUND"]),
    (["bash", "-lc", "exec nginx"], ["nginx", "-g", "daemon off;"]),
    (["bash", "-o", "pipefail", "-euc", "nginx"], ["nginx", "-g", "daemon off;"]),
    (["env", "-u", "A", "B=c", "supervisord"], ["supervisord", "-n"]),
    (["tini", "-g", "--", "nginx"], ["nginx", "-g", "daemon off;"]),
    (["dumb-init", "--", "sh", "-c", "A=b exec gosu www nginx"], ["nginx", "-g", "daemon off;"]),
    (["sudo", "-E", "-u", "root", "service", "cron", "start"], ["cron", "-f"]),
    (["su-exec", "www", "gunicorn", "-D", "a:b"], ["gunicorn", "a:b"]),
    (["su", "-", "postgres", "-c", "pg_ctl start"], ["postgres"]),
    (["bundle", "exec", "rails", "s", "-d"], ["rails", "s"]),
    (["wait-for-it.sh", "db:5432", "--", "apachectl", "start"], ["apachectl", "-DFOREGROUND"]),
    # scripts: what runs last decides
    (sh("cd /app && ./setup.sh && service apache2 start"), ["apache2ctl", "-DFOREGROUND"]),
    (sh("npm run build && pm2 start dist/main.js"), ["pm2-runtime", "start", "dist/main.js"]),
    (sh("apachectl start && true"), ["apachectl", "-DFOREGROUND"]),
    (sh("service nginx start; exit 0"), ["nginx", "-g", "daemon off;"]),
    (sh("service nginx start || exit 1"), ["nginx", "-g", "daemon off;"]),
    (sh("nginx -t && nginx"), ["nginx", "-g", "daemon off;"]),
    (sh("nginx >/dev/null 2>&1\necho started\n"), ["nginx", "-g", "daemon off;"]),
    (sh('service "cron" start # comes first\nservice \\\n nginx start'), ["nginx", "-g", "daemon off;"]),
    (sh("tail -f /var/log/x & apachectl start"), ["apachectl", "-DFOREGROUND"]),
    (sh("node server.js &"), ["node", "server.js"]),
    (sh("nohup python app.py > log 2>&1 &"), ["sh", "-c", "exec nohup python app.py > log 2>&1"]),
    (sh("node server.js $PORT & echo started"), ["sh", "-c", "exec node server.js $PORT"]),
    (sh("cd /app && ./run & disown"), ["sh", "-c", "cd /app && ./run"]),
]


@pytest.mark.parametrize(("argv", "instead"), BACKGROUND, ids=" ".join)
def test_a_server_in_the_background_is_found_and_its_fix_named(argv: list[str], instead: list[str]) -> None:
    verdict = judge_command(argv, None)
    assert verdict is not None
    assert json.dumps(instead) in verdict.fix
    assert "background" in verdict.reason


ENDS = [
    ["true"],
    ["echo", "hi"],
    sh("echo hi"),
    sh("echo hi; exit 0"),
    sh("mkdir -p /x && cp a /x/ && ls | sort"),
    ["bash"],
    ["sh", "-l"],
    ["/docker-entrypoint.sh", "bash"],
    ["python"],
    ["python3", "-i"],
    ["node"],
    ["cat"],
    ["sleep", "30"],
    sh("sleep 5m"),
    ["tail", "/var/log/x"],
    ["env"],
    ["python", "manage.py", "migrate", "--noinput"],
    sh("python manage.py migrate && python manage.py collectstatic --noinput"),
    ["bundle", "exec", "rake", "db:migrate"],
    ["bundle", "install"],
    ["npm", "ci"],
    ["npx", "prisma", "migrate", "deploy"],
    ["php", "artisan", "migrate:fresh"],
    ["alembic", "upgrade", "head"],
    ["flyway", "-url=x", "migrate"],
    ["poetry", "run", "alembic", "upgrade", "head"],
    ["psql", "-f", "/seed.sql"],
    ["curl", "http://x"],
    sh("./start.sh && true"),
    sh("/app/daemon; exit 0"),
    sh("mc alias set s3 http://minio:9000 a b && mc mb s3/data"),
    ["migrate", "-path=/migrations", "-database", "postgres://db/x", "up"],
    ["redis-cli", "--cluster", "create", "a:6379", "--cluster-yes"],
    ["aws", "s3", "sync", "s3://a", "/b"],
    ["k6", "run", "/load.js"],
    ["kafka-topics", "--list"],
    ["python3", "-c", "print('migrated')"],
    ["node", "-e", "console.log(1)"],
    ["python", "-m", "alembic", "upgrade", "head"],
    ["alembic", "-c", "a.ini", "upgrade", "head"],
    ["npm", "run", "migrate"],
    ["yarn", "db:seed"],
    ["pnpm", "run", "migrate:deploy"],
    ["npx", "knex", "migrate:latest"],
    ["goose", "-dir", "/m", "postgres", "x", "up"],
    ["flask", "db", "upgrade"],
    ["php", "bin/console", "doctrine:migrations:migrate"],
    ["rails", "db:migrate"],
    ["wait-for-it.sh", "db:5432", "-t", "60"],
]


@pytest.mark.parametrize(
    ("image", "program"),
    [
        ("certbot/certbot", "certbot"),
        ("docker.io/minio/mc:RELEASE.2024-05-09", "mc"),
        ("registry:5000/flyway/flyway:10", "flyway"),
        ("migrate/migrate@sha256:" + "0" * 64, "migrate"),
        ("certbot/dns-route53", None),
        ("acme/mc", None),
        ("", None),
    ],
)
def test_the_entrypoint_of_a_known_image_is_known(image: str, program: str | None) -> None:
    assert entrypoint_of(image) == ((program,) if program else ())


def test_certificates_are_for_the_load_balancer() -> None:
    verdict = judge_command(
        [*entrypoint_of("certbot/certbot"), "certonly", "--webroot", "-d", "example.org"], None
    )
    assert verdict is not None
    assert "--certificate" in verdict.fix
    assert judge_command(["certbot", "--help"], None) is None


@pytest.mark.parametrize("argv", ENDS, ids=" ".join)
def test_a_command_that_simply_ends_is_found(argv: list[str]) -> None:
    verdict = judge_command(argv, None)
    assert verdict is not None
    assert "x-fargate: {job: true}" in verdict.fix
    assert verdict.url.startswith("https://")


RUNS = [
    [],
    ["mc", "mirror", "--watch", "a", "b"],
    ["aws", "logs", "tail", "/ecs/web", "--follow"],
    ["redis-cli", "MONITOR"],
    ["nginx", "-g", "daemon off;"],
    ["nginx-debug", "-g", "daemon  off; pid /x;"],
    ["apache2ctl", "-D", "FOREGROUND"],
    ["apachectl", "-DFOREGROUND"],
    ["httpd-foreground"],
    ["httpd", "-X"],
    ["httpd", "-f", "-p", "3000", "-h", "/www"],
    ["busybox", "httpd", "-f", "-v"],
    ["php-fpm"],
    ["php-fpm", "-F"],
    ["redis-server", "--appendonly", "yes"],
    ["redis-server", "--daemonize", "no"],
    ["mongod", "--logpath", "/dev/stdout"],
    ["supervisord", "-n"],
    ["supervisord", "-c", "/etc/s.conf", "--nodaemon"],
    ["supervisord", "-nc", "/etc/s.conf"],
    ["gunicorn", "app:app"],
    ["uwsgi", "--ini", "u.ini"],
    ["/usr/sbin/sshd", "-D"],
    ["sshd", "-ddd"],
    ["cron", "-f", "-L", "15"],
    ["crond", "-fl8"],
    ["crond", "-n"],
    ["memcached", "-m", "64", "-v"],
    ["haproxy", "-f", "/h.cfg", "-db"],
    ["squid", "-NYCd1"],
    ["postfix", "start-fg"],
    ["pm2-runtime", "start", "app.js"],
    ["pm2", "start", "app.js", "--no-daemon"],
    ["pm2", "logs"],
    ["celery", "-A", "proj", "worker", "-l", "info"],
    ["service", "nginx", "status"],
    ["catalina.sh", "run"],
    ["lighttpd", "-D", "-f", "/x"],
    ["tail", "-f", "/dev/null"],
    ["tail", "-n", "0", "-F", "/log"],
    ["sleep", "infinity"],
    ["sleep", "365d"],
    ["sleep", "$FOREVER"],
    ["node", "server.js"],
    ["python", "app.py"],
    ["python", "-m", "http.server"],
    ["python", "-c", "import app; app.main()"],
    ["node", "-e", "require('./x')"],
    ["npm", "run", "migrate-and-start"],
    ["wait-for-it.sh", "db:5432", "python", "app.py"],
    ["flask", "run"],
    ["python", "manage.py", "runserver", "8000"],
    ["php", "artisan", "queue:work"],
    ["bundle", "exec", "puma"],
    ["npm", "run", "start"],
    ["rails", "server", "-p", "80"],
    ["bash", "/start.sh"],
    ["/entrypoint.sh"],
    ["docker-entrypoint.sh", "postgres", "-c", "max_connections=200"],
    ["--config", "/etc/x"],
    ["--version"],
    ["/app/server", "--daemon"],
    sh("service apache2 start && tail -f /var/log/apache2/access.log"),
    sh("service x start; while true; do sleep 1; done"),
    sh("cron && exec node server.js"),
    sh("service cron start; php-fpm"),
    sh("php-fpm -D && nginx -g 'daemon off;'"),
    sh("nginx && sleep infinity"),
    sh("node a.js & node b.js & wait"),
    sh("node a.js & wait -n"),
    sh("redis-server --daemonize yes && python worker.py"),
    sh("python manage.py migrate && gunicorn app:app"),
    sh("[ -f /x ] && exit 0; exec ./server"),
    sh("if true; then echo x; fi"),
    sh("for i in 1 2; do echo $i; done"),
    sh("cat <<EOF\nhi\nEOF"),
    sh("(echo x)"),
    sh("node server.js; echo stopped"),
    sh("node server.js && true"),
    sh("./server || true"),
    sh("echo x || ./server"),
    sh("echo start | tee /log; ./server"),
    sh("tail -f /log | grep x"),
    sh("exec ./server; echo never"),
    sh("set -e; cd /app; $CMD"),
    sh("echo 'a & b' \"; exit\" && ./server"),
    sh("./server # & exit 0"),
    sh("trap : TERM INT; sleep infinity & wait"),
    sh(""),
    ["sh", "-c"],
    ["timeout", "10", "x"],
    ["cmd", "/S", "/C", "x"],
]


@pytest.mark.parametrize(
    "argv",
    [["migrate"], ["migrate", "sql", "-e", "--yes"], ["/app/init-db.sh"], ["sh", "/scripts/seed.sh"], ["node", "dist/migrate.js"],
     ["make", "migrate"], ["run_migrations.py"], sh("./createbuckets.sh"), ["db-setup"]],
    ids=" ".join,
)  # fmt: skip
def test_where_compose_lets_it_end_a_command_is_judged_by_its_name(argv: list[str]) -> None:
    verdict = judge_command(argv, None, once=True)
    assert verdict is not None
    assert "looks like" in verdict.reason
    assert judge_command(argv, None) is None


@pytest.mark.parametrize("argv", RUNS, ids=" ".join)
def test_a_name_alone_does_not_make_a_server_end(argv: list[str]) -> None:
    assert judge_command(argv, None, once=True) is None


@pytest.mark.parametrize("argv", RUNS, ids=" ".join)
def test_a_command_that_keeps_running_or_may_is_left_alone(argv: list[str]) -> None:
    assert judge_command(argv, None) is None


@pytest.mark.parametrize("argv", [["bash"], ["python"], ["cat"], sh("echo hi; bash")])
def test_a_bare_shell_keeps_running_on_a_terminal(argv: list[str]) -> None:
    assert judge_command(argv, None, tty=True) is None
    assert judge_command(argv, None, tty=False) is not None


def test_the_image_chooses_the_program_that_stays_in_the_foreground() -> None:
    for image, expected in (("php:8-apache", "apache2-foreground"), ("debian", "apache2ctl")):
        verdict = judge_command(["apache2ctl", "start"], image)
        assert verdict is not None
        assert expected in verdict.fix


def test_a_setting_that_cannot_be_seen_is_named() -> None:
    for argv, setting in ((["nginx"], "daemon off;"), (["supervisord"], "nodaemon=true")):
        verdict = judge_command(argv, None)
        assert verdict is not None
        assert setting in verdict.reason


def test_several_background_commands_become_services_of_their_own() -> None:
    verdict = judge_command(sh("node a.js & node b.js &"), None)
    assert verdict is not None
    assert "its own service" in verdict.fix


def test_an_unknown_system_service_gets_a_general_fix() -> None:
    verdict = judge_command(["service", "mydaemon", "start"], None)
    assert verdict is not None
    assert "the program of mydaemon" in verdict.fix


def test_long_commands_are_shortened_in_the_reason() -> None:
    verdict = judge_command(["echo", "x" * 1000], None)
    assert verdict is not None
    assert len(verdict.reason) < 100


@pytest.mark.parametrize("name", sorted(SERVERS))
def test_every_fix_of_the_table_is_itself_accepted(name: str) -> None:
    server = SERVERS[name]
    arguments = next(
        args
        for args in (
            [],
            ["start"],
            ["-D"],
            ["-d"],
            ["--daemonize", "yes"],
            ["--fork"],
            ["--daemonize", "/x"],
            ["-detached"],
            ["multi", "start"],
            ["-daemon"],
            ["--background"],
            ["--daemon"],
            ["-f"],
        )
        if server.forks(tuple(args))
    )
    instead = [word for word in server.instead((name, *arguments), "") if word]
    assert judge_command([name, *arguments], None) is not None
    assert judge_command(instead, None) is None
    assert server.url.startswith("https://")


@pytest.mark.parametrize("argv", SERVICES.values(), ids=SERVICES)
def test_every_program_behind_a_system_service_stays_in_the_foreground(argv: tuple[str, ...]) -> None:
    assert judge_command(argv, None) is None


@pytest.mark.parametrize(
    "script",
    [
        "sh -c 'true';" * 5000,
        "a && " * 20_000 + "b",
        "$(" * 20_000,
        "\\" * 50_000,
        "'" * 49_999,
        "x " * 50_000,
        "${" * 20_000,
    ],
)
def test_long_scripts_take_linear_time(script: str) -> None:
    began = time.perf_counter()
    judge_command(sh(script), None)
    assert time.perf_counter() - began < 5


def test_nested_shells_end_somewhere() -> None:
    argv = ["env"] * 5000 + ["true"]
    assert judge_command(argv, None) is None


WORDS = st.sampled_from(
    [
        "sh",
        "-c",
        "nginx",
        "&",
        "&&",
        "||",
        ";",
        "|",
        "echo",
        "'",
        '"',
        "$",
        "(",
        ")",
        "\n",
        "exec",
        "env",
        "A=b",
        " ",
        " ",
        ">",
        "2>&1",
        "#",
        "\\",
        "--",
        "service",
        "start",
        "tail -f x",
        "{",
        "wait",
        "\x00",
        "é",
    ]
)


@given(st.lists(WORDS, max_size=30), st.booleans())
def test_any_command_is_judged(words: list[str], script: bool) -> None:
    verdict = judge_command(sh("".join(words)) if script else words, "image", tty=False)
    assert verdict is None or (verdict.reason and verdict.fix)


@pytest.mark.parametrize(
    ("argv", "certain"),
    [
        (["composer", "--ignore-platform-reqs"], True),
        (["npm"], True),
        (["php", "/var/www/html/artisan"], True),
        (["python", "manage.py"], True),
        (["wp", "cli", "info"], True),
        (sh("until (mc alias set m http://s3:9000 a b) do echo waiting && sleep 1; done; mc mb m/x; exit 0;"), True),
        (sh("while ! nc -z db 5432; do sleep 1; done\nnpm run migrate"), True),
        (sh("python3 train.py; exit 0"), False),
    ],
)  # fmt: skip
def test_tools_and_scripts_that_end_are_told(argv: list[str], certain: bool) -> None:
    verdict = judge_command(argv, None, once=True)
    assert verdict
    assert verdict.is_certain is certain


@pytest.mark.parametrize(
    "argv",
    [
        ["npm", "start"],
        ["yarn", "--cwd", "/app", "dev"],
        ["php", "artisan", "serve"],
        ["python", "manage.py", "runserver"],
        ["wp", "server"],
        sh("until nc -z db 5432; do sleep 1; done; npm start"),
        sh("while ! nc -z db 5432; do sleep 1; done; exec python app.py"),
        sh("while true; do php artisan schedule:run; sleep 60; done"),
        sh("until false; do work; done"),
        sh("python3 app.py; true"),
    ],
)
def test_what_serves_after_waiting_is_left_alone(argv: list[str]) -> None:
    assert judge_command(argv, None, once=True) is None


def test_loops_without_an_end_take_no_time() -> None:
    started = time.monotonic()
    judge_command(sh("until x do " * 20_000 + "done"), None, once=True)
    judge_command(sh("while ! " * 20_000 + "done"), None, once=True)
    assert time.monotonic() - started < 10
