"""Servers that can go into the background, what sends them there, and what keeps them in the foreground.

One row per program: how its arguments tell, the command to write instead, and where its documentation says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from compose2fargate.mapping.images.image_catalogue import find_image
from compose2fargate.records import NamedTuple

Words = tuple[str, ...]
"""A program and its arguments, or its arguments alone."""


def program_name(path: str) -> str:
    """Give a program's name without its directory: `/usr/sbin/nginx` is `nginx`."""
    return path.rpartition("/")[2]


class ServerCommand(NamedTuple):
    """A server, and how it is started.

    Attributes:
        forks: Whether these arguments send it to the background.
        instead: The command that keeps it in the foreground, from the arguments and the image.
        url: Where the program's documentation says so.
        unless: A setting in a file we cannot see that would change the answer.
        stays: Whether it certainly keeps running when it does not fork; a control program may just report.
    """

    forks: Callable[[Words], bool]
    instead: Callable[[Words, str], Words]
    url: str = ""
    unless: str = ""
    stays: bool = True


INFORMS = frozenset({"--help", "--version", "-h", "-v", "-V", "-?", "help", "version", "-t", "-T"})


def has_flag(arguments: Iterable[str], *flags: str) -> bool:
    """Whether one of the flags is given, alone or as `--flag=value`."""
    return any(word in flags or word.partition("=")[0] in flags for word in arguments)


def has_letter(arguments: Iterable[str], letters: str) -> bool:
    """Whether one of the letters stands in a group of short options, such as `-NYC`."""
    return any(re.match(rf"-[A-Za-z0-9]*[{letters}]", word) for word in arguments)


def first_argument(arguments: Iterable[str]) -> str:
    """Give the first argument that is no option; empty when there is none."""
    return next((word for word in arguments if not word.startswith("-")), "")


def _without(words: Words, flags: tuple[str, ...], with_value: tuple[str, ...] = ()) -> Words:
    kept: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in with_value:
            skip = True
        elif word.partition("=")[0] not in (*flags, *with_value):
            kept.append(word)
    return tuple(kept)


def _by_flag(
    *flags: str, valued: tuple[str, ...] = (), drop: tuple[str, ...] = (), url: str = "", stays: bool = True
) -> ServerCommand:
    """A server that goes to the background when one of its flags says so; `valued` ones take a value."""
    return ServerCommand(
        lambda arguments: has_flag(arguments, *flags, *valued),
        lambda words, _: _without(words, flags, (*valued, *drop)),
        url,
        stays=stays,
    )


def _by_default(*stays: str, add: Words, letters: str = "", url: str = "", unless: str = "") -> ServerCommand:
    """A server that goes to the background unless one of the flags `stays` keeps it."""
    return ServerCommand(
        lambda arguments: (
            not has_flag(arguments, *stays) and not (letters and has_letter(arguments, letters))
        ),
        lambda words, _: (*words, *add),
        url,
        unless,
    )


def _by_verb(forking: Iterable[str], becomes: str, *, url: str = "") -> ServerCommand:
    """A control program whose verb decides: `x start` forks, `x run` stays."""
    verbs = frozenset(forking)
    return ServerCommand(
        lambda arguments: first_argument(arguments) in verbs,
        lambda words, _: tuple(becomes if word in verbs else word for word in words),
        url,
        stays=False,
    )


_HTTPD_URL = "https://httpd.apache.org/docs/2.4/programs/httpd.html"
_APACHE_VERBS = frozenset({"start", "restart", "graceful"})


def _apache_forks(arguments: Words) -> bool:
    text = " ".join(arguments)
    stays = re.search(r"-D ?FOREGROUND\b|(?:^| )-(?:X|DNO_DETACH|D NO_DETACH)\b", text)
    return not stays and not re.search(r"(?:^| )(?:-k ?)?(?:graceful-)?stop\b|(?:^| )-[SMlLtvV]\b", text)


def _apache_control_forks(arguments: Words) -> bool:
    return _apache_forks(arguments) and bool(_APACHE_VERBS & set(arguments))


def _httpd_forks(arguments: Words) -> bool:
    # busybox has a httpd of its own, known by the flags that Apache's does not have.
    return (
        not has_letter(arguments, "p")
        and not re.search(r"(?:^| )-f(?: -|$)", " ".join(arguments))
        and (_apache_forks(arguments))
    )


def _apache_instead(words: Words, image: str) -> Words:
    name = program_name(words[0])
    own = find_image(image).apache
    if own:
        return (own,)
    return ("apache2ctl" if name == "apache2" else name, "-DFOREGROUND")


def _nginx_forks(arguments: Words) -> bool:
    return not re.search(r"daemon\s+off", " ".join(arguments)) and not has_flag(
        arguments, "-s", "-t", "-T", "-v", "-V"
    )


def _redis_forks(arguments: Words) -> bool:
    return bool(re.search(r"--daemonize[ =]+[\"']?yes", " ".join(arguments)))


def _redis_instead(words: Words, _image: str) -> Words:
    text = tuple(word for word in words if not re.match(r"--daemonize[ =]+[\"']?yes", word))
    return _without(text, (), ("--daemonize",))


def _crond_forks(arguments: Words) -> bool:
    return not has_letter(arguments, "fndxP")


def _pm2_instead(words: Words, _image: str) -> Words:
    return (
        "pm2-runtime",
        *(word for word in words[1:] if word not in {"restart", "reload", "startOrRestart"}),
    )


def _pg_instead(words: Words, _image: str) -> Words:
    directory = option_value(words, "-D", "--pgdata")
    return ("postgres", "-D", directory) if directory else ("postgres",)


def _celery_forks(arguments: Words) -> bool:
    multi = "multi" in arguments and bool({"start", "restart"} & set(arguments))
    return (
        multi
        or has_flag(arguments, "--detach")
        or ("-D" in arguments and bool({"worker", "beat"} & set(arguments)))
    )


def _celery_instead(words: Words, _image: str) -> Words:
    if "multi" in words:
        app = option_value(words, "-A", "--app")
        return ("celery", "-A", app, "worker") if app else ("celery", "worker")
    return _without(words, ("--detach", "-D"))


def option_value(words: Words, *names: str) -> str | None:
    """Give the value of the first of the options, from `-D x` or `--directory=x`."""
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in names and (equals or index + 1 < len(words)):
            return value if equals else words[index + 1]
    return None


_NGINX = ServerCommand(
    _nginx_forks,
    lambda words, _: (*words, "-g", "daemon off;"),
    "https://nginx.org/en/docs/ngx_core_module.html#daemon",
    "nginx.conf says `daemon off;`",
)
_APACHE_CONTROL = ServerCommand(
    _apache_control_forks,
    _apache_instead,
    "https://httpd.apache.org/docs/2.4/programs/apachectl.html",
    stays=False,
)
_REDIS = ServerCommand(
    _redis_forks, _redis_instead, "https://redis.io/docs/latest/operate/oss_and_stack/management/config/"
)
_MONGO = _by_flag(
    "--fork", drop=("--logpath",), url="https://www.mongodb.com/docs/manual/reference/program/mongod/"
)
_UWSGI = _by_flag(
    "--daemonize2",
    valued=("--daemonize", "-d"),
    url="https://uwsgi-docs.readthedocs.io/en/latest/Options.html#daemonize",
)
_MYSQL = _by_flag(
    "--daemonize",
    "-D",
    url="https://dev.mysql.com/doc/refman/8.4/en/server-options.html#option_mysqld_daemonize",
)
_SOLR = ServerCommand(
    lambda arguments: (
        first_argument(arguments) in {"start", "restart"} and not has_flag(arguments, "-f", "--foreground")
    ),
    lambda words, _: (*words, "-f"),
    "https://solr.apache.org/guide/solr/latest/deployment-guide/solr-control-script-reference.html",
    stays=False,
)

SERVERS: Mapping[str, ServerCommand] = {
    "apachectl": _APACHE_CONTROL,
    "apache2ctl": _APACHE_CONTROL,
    "httpd": ServerCommand(_httpd_forks, _apache_instead, _HTTPD_URL),
    "apache2": ServerCommand(_apache_forks, _apache_instead, _HTTPD_URL),
    "nginx": _NGINX,
    "nginx-debug": _NGINX,
    "openresty": _NGINX,
    "php-fpm": ServerCommand(
        lambda arguments: has_flag(arguments, "-D", "--daemonize"),
        lambda words, _: (*_without(words, ("-D", "--daemonize")), "-F"),
        "https://www.php.net/manual/en/install.fpm.configuration.php#daemonize",
    ),
    "redis-server": _REDIS,
    "redis-sentinel": _REDIS,
    "valkey-server": _REDIS,
    "keydb-server": _REDIS,
    "mongod": _MONGO,
    "mongos": _MONGO,
    "supervisord": _by_default(
        "-n",
        "--nodaemon",
        letters="n",
        add=("-n",),
        url="https://supervisord.org/running.html#supervisord-command-line-options",
        unless="its configuration says `nodaemon=true`",
    ),
    "gunicorn": _by_flag("-D", "--daemon", url="https://docs.gunicorn.org/en/stable/settings.html#daemon"),
    "uwsgi": _UWSGI,
    "sshd": ServerCommand(
        lambda arguments: not has_letter(arguments, "Dd"),
        lambda _words, _image: ("/usr/sbin/sshd", "-D", "-e"),
        "https://man.openbsd.org/sshd#D",
    ),
    "dropbear": _by_default("-F", letters="F", add=("-F",), url="https://manpages.debian.org/dropbear.8"),
    "cron": _by_default("-f", letters="fn", add=("-f",), url="https://manpages.debian.org/cron.8"),
    "crond": ServerCommand(
        _crond_forks, lambda words, _: (*words, "-f"), "https://man7.org/linux/man-pages/man8/crond.8.html"
    ),
    "rabbitmq-server": _by_flag("-detached", url="https://www.rabbitmq.com/docs/man/rabbitmq-server.8"),
    "pg_ctl": ServerCommand(
        lambda arguments: bool({"start", "restart"} & set(arguments)),
        _pg_instead,
        "https://www.postgresql.org/docs/current/app-pg-ctl.html",
        stays=False,
    ),
    "pg_ctlcluster": ServerCommand(
        lambda arguments: "start" in arguments and "--foreground" not in arguments,
        lambda words, _: (*words, "--foreground"),
        "https://manpages.debian.org/pg_ctlcluster.1",
        stays=False,
    ),
    "mysqld": _MYSQL,
    "mariadbd": _MYSQL,
    "memcached": _by_flag("-d", "--daemon", url="https://docs.memcached.org/serverguide/configuring/"),
    "haproxy": _by_flag("-D", url="https://docs.haproxy.org/3.0/management.html#3"),
    "squid": _by_default(
        "--foreground",
        "-z",
        "-k",
        letters="N",
        add=("-N",),
        url="https://wiki.squid-cache.org/SquidFaq/RunningSquid",
    ),
    "postfix": _by_verb({"start"}, "start-fg", url="https://www.postfix.org/postfix.1.html"),
    "pm2": ServerCommand(
        lambda arguments: (
            first_argument(arguments) in {"start", "restart", "reload", "resurrect", "startOrRestart"}
            and not has_flag(arguments, "--no-daemon", "--attach")
        ),
        _pm2_instead,
        "https://pm2.keymetrics.io/docs/usage/docker-pm2-nodejs/",
        stays=False,
    ),
    "celery": ServerCommand(
        _celery_forks,
        _celery_instead,
        "https://docs.celeryq.dev/en/stable/userguide/daemonizing.html",
        stays=False,
    ),
    "forever": _by_verb({"start"}, "", url="https://github.com/foreversd/forever"),
    "catalina.sh": _by_verb({"start"}, "run", url="https://tomcat.apache.org/tomcat-10.1-doc/RUNNING.txt"),
    "startup.sh": ServerCommand(
        lambda arguments: not arguments,
        lambda words, _: (words[0].removesuffix("startup.sh") + "catalina.sh", "run"),
        "https://tomcat.apache.org/tomcat-10.1-doc/RUNNING.txt",
    ),
    "caddy": _by_verb({"start"}, "run", url="https://caddyserver.com/docs/command-line#caddy-start"),
    "zkServer.sh": _by_verb(
        {"start", "restart"},
        "start-foreground",
        url="https://zookeeper.apache.org/doc/current/zookeeperTools.html",
    ),
    "kafka-server-start.sh": _by_flag("-daemon", url="https://kafka.apache.org/quickstart"),
    "zookeeper-server-start.sh": _by_flag("-daemon", url="https://kafka.apache.org/quickstart"),
    "solr": _SOLR,
    "neo4j": _by_verb(
        {"start", "restart"},
        "console",
        url="https://neo4j.com/docs/operations-manual/current/tools/neo4j-cli/",
    ),
    "activemq": _by_verb(
        {"start", "restart"},
        "console",
        url="https://activemq.apache.org/components/classic/documentation/unix-shell-script",
    ),
    "elasticsearch": _by_flag(
        "-d",
        "--daemonize",
        url="https://www.elastic.co/guide/en/elasticsearch/reference/current/starting-elasticsearch.html",
    ),
    "varnishd": _by_default(
        "-F",
        "-C",
        "-d",
        letters="FCd",
        add=("-F",),
        url="https://varnish-cache.org/docs/trunk/reference/varnishd.html",
    ),
    "lighttpd": _by_default(
        "-D", "-p", letters="Dpt", add=("-D",), url="https://manpages.debian.org/lighttpd.8"
    ),
    "dnsmasq": _by_default(
        "-k",
        "-d",
        "--keep-in-foreground",
        "--no-daemon",
        "--test",
        letters="kd",
        add=("-k",),
        url="https://thekelleys.org.uk/dnsmasq/docs/dnsmasq-man.html",
    ),
    "named": _by_default(
        "-f", "-g", letters="fg", add=("-g",), url="https://bind9.readthedocs.io/en/stable/manpages.html"
    ),
    "rsyslogd": _by_default("-n", "-N", letters="nN", add=("-n",), url="https://www.rsyslog.com/doc/"),
    "slapd": _by_default(
        "-d", letters="d", add=("-d", "0"), url="https://www.openldap.org/software/man.cgi?query=slapd"
    ),
    "dovecot": _by_default("-F", "-n", "-a", letters="F", add=("-F",), url="https://doc.dovecot.org/"),
    "smbd": _by_default(
        "-F",
        "--foreground",
        "-i",
        "--interactive",
        letters="Fi",
        add=("--foreground", "--no-process-group"),
        url="https://www.samba.org/samba/docs/current/man-html/smbd.8.html",
    ),
    "keepalived": _by_default(
        "-n", "--dont-fork", letters="n", add=("--dont-fork",), url="https://manpages.debian.org/keepalived.8"
    ),
    "start-stop-daemon": _by_flag(
        "-b", "--background", url="https://manpages.debian.org/start-stop-daemon.8", stays=False
    ),
    "twistd": _by_default(
        "-n",
        "--nodaemon",
        letters="n",
        add=("--nodaemon",),
        url="https://docs.twisted.org/en/stable/core/howto/basics.html",
    ),
    "unicorn": _by_flag("-D", "--daemonize", url="https://yhbt.net/unicorn/unicorn_1.html"),
    "unicorn_rails": _by_flag("-D", "--daemonize", url="https://yhbt.net/unicorn/unicorn_1.html"),
    "puma": _by_flag("-d", "--daemon", url="https://github.com/puma/puma"),
    "thin": _by_flag("-d", "--daemonize", url="https://github.com/macournoyer/thin"),
    "rails": _by_flag("-d", "--daemon", url="https://guides.rubyonrails.org/command_line.html", stays=False),
    "openvpn": _by_flag(
        "--daemon", url="https://openvpn.net/community-resources/reference-manual-for-openvpn-2-6/"
    ),
    "autossh": _by_flag("-f", url="https://manpages.debian.org/autossh.1"),
}

# --- what an init system calls a service, and the program behind it --------------------------------------

SERVICES: Mapping[str, Words] = {
    "apache2": ("apache2ctl", "-DFOREGROUND"),
    "httpd": ("httpd", "-DFOREGROUND"),
    "nginx": ("nginx", "-g", "daemon off;"),
    "redis-server": ("redis-server",),
    "redis": ("redis-server",),
    "mysql": ("mysqld_safe",),
    "mysqld": ("mysqld_safe",),
    "mariadb": ("mariadbd-safe",),
    "mongod": ("mongod",),
    "mongodb": ("mongod",),
    "ssh": ("/usr/sbin/sshd", "-D", "-e"),
    "sshd": ("/usr/sbin/sshd", "-D", "-e"),
    "cron": ("cron", "-f"),
    "crond": ("crond", "-f"),
    "memcached": ("memcached",),
    "rabbitmq-server": ("rabbitmq-server",),
    "supervisor": ("supervisord", "-n"),
    "supervisord": ("supervisord", "-n"),
    "haproxy": ("haproxy", "-db", "-f", "/etc/haproxy/haproxy.cfg"),
    "squid": ("squid", "-N"),
    "postfix": ("postfix", "start-fg"),
    "varnish": ("varnishd", "-F"),
    "lighttpd": ("lighttpd", "-D", "-f", "/etc/lighttpd/lighttpd.conf"),
    "dnsmasq": ("dnsmasq", "-k"),
    "bind9": ("named", "-g"),
    "named": ("named", "-g"),
    "rsyslog": ("rsyslogd", "-n"),
    "slapd": ("slapd", "-d", "0"),
    "vsftpd": ("vsftpd", "-obackground=NO"),
    "smbd": ("smbd", "--foreground", "--no-process-group"),
}
