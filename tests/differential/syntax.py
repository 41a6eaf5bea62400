"""Strategies for the small languages inside compose files: sizes, durations, ports, mounts, and so on.

Each is mostly valid, so that a project of many of them is accepted often enough to compare its output, and now and
then doubtful.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.differential.yaml_text import Block, Flow, Verbatim

Strategy = st.SearchStrategy[Any]

SERVICES = ("web", "db", "api", "worker-1", "a.b", "Z_9")
NETWORKS = ("front", "back", "net_1", "default")
VOLUMES = ("data", "logs", "v", "cache-1")
SECRETS = ("token", "key.pem", "s_3")
CONFIGS = ("conf", "nginx.conf", "c-2")
MODELS = ("llm", "small")
PROFILES = ("dev", "test", "prod-1")
DIRECTORIES = (".", "sub", "sub/deep")


def pick(*values: Any) -> Strategy:
    """Choose one of `values`."""
    return st.sampled_from(values)


def rarely(draw: st.DrawFn, one_in: int) -> bool:
    """Say yes once in `one_in` times; not at the ends of the range, which hypothesis likes to try."""
    return draw(st.integers(0, one_in - 1)) == one_in // 2


WILDNESS = st.shared(pick(0, 0, 0, 1, 1, 2), key="wildness")
"""How doubtful the values of a project are: not at all in half of them."""


@st.composite
def seldom(draw: st.DrawFn, usual: Strategy, other: Strategy, one_in: int = 20) -> Any:
    """Draw from `usual`, and once in a while from `other`."""
    return draw(other if rarely(draw, one_in) else usual)


@st.composite
def tame(draw: st.DrawFn, usual: Strategy, doubtful: Strategy, one_in: int = 20) -> Any:
    """Draw from `usual`, and in wild projects once in a while from `doubtful`."""
    wildness = draw(WILDNESS)
    return draw(doubtful if wildness and rarely(draw, 1 + one_in // wildness) else usual)


@st.composite
def table(
    draw: st.DrawFn,
    optional: dict[str, Strategy],
    *,
    needed: dict[str, Strategy] | None = None,
    most: int = 4,
) -> dict[str, Any]:
    """Make a mapping of the `needed` keys and some `optional` ones, in any order."""
    names = draw(st.lists(pick(*optional), unique=True, max_size=most)) if optional else []
    for name in needed or {}:
        if name not in names:
            names.insert(draw(st.integers(0, len(names))), name)
    every = {**optional, **(needed or {})}
    return {name: draw(every[name]) for name in names}


@st.composite
def several(draw: st.DrawFn, strategy: Strategy, least: int = 0, most: int = 3) -> Any:
    """Make a list, and mostly one without repetitions, which Docker Compose often refuses."""
    items = draw(st.lists(strategy, min_size=least, max_size=most))
    if draw(WILDNESS) and rarely(draw, 3):
        return items
    return list({repr(item): item for item in items}.values())


def in_flow(strategy: Strategy) -> Strategy:
    """Write collections in brackets now and then."""
    return seldom(strategy, strategy.map(Flow), 4)


WORDS = pick("a", "web", "hello", "x-1", "some text", "", "ü", "日本", "a=b", "a:b", "#1", "1", "1.5", "true", "no", "$$", "it's", '"q"', " lead", "tail ", "a\tb", "100%", "-", "*", "\\", "a\\nb", "{x}", "null", "~", "0x1f", "2024-01-01", "multi\nline\n")  # fmt: skip

SCALARS = pick(*map(Verbatim, (
    "0755", "0o17", "1e3", "1.50", "10000000.0", "123456789.0", ".5", "5.", "1_000", "0x1F", "0b11", "-0b11", "~", "null", "Null", "yes", "no", "on", "off",
    "True", "FALSE", "y", "N", "22:22", "1:20:30", "2024-01-01", "2001-12-14t21:59:43.10-05:00", ".inf", "-.Inf", ".nan",
    "+1", "-0", "-0.0", "08", "09", "0", "-1", "12345678901234567890", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "1e400", "1E-7", "0.1e1", "1e21", "1e20", "123456789012345678901234567890.5", "0.000001", "0.0000001", "100000000000000000000.0",
    "!!str 12", "!!int '12'", "!!float 1", "!!bool 'true'", "!!bool yes", "!!binary aGk=", "!custom x", "!!null ''", "!!str", "!!str null", "!!int 1.5", "!!float '1e3'", "!!timestamp 2024-01-01", "!!seq []", "!<tag:yaml.org,2002:str> 5",
    '""', "''", "'it''s'", '"a\\tb\\u00e9"', '"\\x41\\U0001F600"', "é", "a#b", "a #b", "a b", "0o8", "0x", "1__0", "_1", "1_", "1e", "e1", ".", "..", "-", "--", "?x", ":x", "-x", "<<", "=", "1.2.3", "0.10", "1.0", "1.10", "3.", "+.5", "-.5", "0o", "00", "007", "0_7", "-010", "+010", "0.", "1,000", "[]", "{}", "[1, a]", "{a: 1}", "'multi\n\n    line'", '"multi\n     line"',
)))  # fmt: skip
"""Scalars whose kind is a question."""

PLAIN_TEXT = st.text(alphabet="ab01 .:-_=#,~'\"\\$é\n\t", max_size=8)

BLOCKS = st.builds(
    Block,
    pick("|", "|-", "|+", ">", ">-", "|2", ">+"),
    pick("one", "one\ntwo", "one\n\ntwo\n", "$A ${B:-x}\ny", "  in\nout", "a\n  b\nc", "", "\n", "a #b\n# c"),
)

VALUES = tame(seldom(WORDS, SCALARS, 3), st.one_of(BLOCKS, PLAIN_TEXT), 8)
"""What can stand where any scalar may: the value of a label, of a variable."""

TEXTS = tame(seldom(WORDS, BLOCKS, 12), SCALARS, 40)
"""What should be a string."""

EXTENSION = st.recursive(
    VALUES,
    lambda inner: st.one_of(
        several(inner), st.dictionaries(pick("a", "b", "x-y", "Z", "1"), inner, max_size=3)
    ),
    max_leaves=5,
)

BOOLEANS = tame(
    pick(True, False),
    pick("true", "false", "yes", "no", "on", "off", "y", "n", "1", "0", "True", "", "maybe", Verbatim("yes"), Verbatim("No"), Verbatim("on"), 0, 1, None),
    6,
)  # fmt: skip

DURATIONS = tame(
    pick("30s", "1m30s", "1h5m30s20ms", "500ms", "1.5s", "0s", "2h", "100us", "90s", "1d", "36h", "1w", "1m0.5s", "1h1s", "10m"),
    pick("0", "90", "5", "", " 5s", "5 s", "1.5d", "-5s", "+5s", "1d12h", "100µs", "10ns", "1ms1us", "1w2d3h4m5s", "s", "1x", "1.s", ".5s", "1e3s", "9999999h", "1_0s", 5, 1.5, None, "1.5w", "1d1d", "0.1ns", "3000000us", "2562047h47m16.854775807s", "2562048h"),
    5,
)  # fmt: skip

SIZES = tame(
    pick("64m", "1g", "512M", "1.5G", "100kb", "2GB", "1024", 1048576, "10b", "1gib", "5MiB", "0", 0, "1k", "1t"),
    pick("", "m", "-1", -1, "1.5", 1.5, "1 g", " 1g", "1g ", "1p", "1e", "1e3", "10xb", "0x10", "1,5g", "1kbb", "0.5b", "99999999999g", "+1m", Verbatim("0755"), None, True, ".5g", "1.g", "1_000", "1KiB", "1KIB", "1.0005g", "9223372036854775807", "9223372036854775808", 1e6),
    5,
)  # fmt: skip

COUNTS = tame(st.integers(0, 10), pick("1", "3", -1, "-1", 1.5, "1.5", 2.0, "2.0", "", "x", "0x10", "010", Verbatim("010"), None, True, "1e2", "+1", " 1", "99999999999999999999", 1e3), 6)  # fmt: skip
NUMBERS = tame(
    pick(0.5, 1, 2, "0.5", "1", 1.25, "2.0", 0, 0.1, 100),
    pick("", ".5", "-1", -0.5, "x", "1e1", 1e-7, 123456.789, "0x10", None, "1_0", "NaN", "inf", "0.10", 1e21, "1e400", True),
    5,
)  # fmt: skip

PORTS = st.builds(str, tame(st.integers(1, 65535), pick(0, 65535, 65536, -1, 80000), 12))
RANGES = st.tuples(st.integers(2000, 60000), st.integers(0, 3)).map(lambda r: f"{r[0]}-{r[0] + r[1]}")
ADDRESSES = tame(
    pick("127.0.0.1", "0.0.0.0", "192.168.1.10", "[::1]"), pick("::1", "10.0.0.256", "localhost", ""), 5
)


@st.composite
def short_ports(draw: st.DrawFn) -> Any:
    """`[[ip:][host]:]container[/protocol]`, as text or as a number."""
    if draw(WILDNESS) and rarely(draw, 5):
        return draw(pick(80, 8080, 443, 80.0, 0, 65535, 65536, Verbatim("22:22"), Verbatim("0080"), "", ":", "80:", ":80", "a", "80/", "80/tcp/udp", "80-70", "1-3:1-2", "8000-8002:80", "::", "80:80:80:80", "80/sctp", "80/UDP", "80/foo", " 80", "80 ", "+80", "0x50", "80:80/udp ", "127.0.0.1::80", "127.0.0.1:80", "127.0.0.1", "[::1]:80:80", "[fe80::1%eth0]:80:80", "::1:80:80", "80-81:8000-8001", "8080-8081:80-81/udp", "-1", "1e3", "80,81", "3000-3005", "9090-9091:8080-8081", "49100:22", "127.0.0.1:5000-5002:5000-5002", "6060:6060/udp", "0.0.0.0::8080", "host:80:80"))  # fmt: skip
    ranged = draw(st.integers(0, 3)) == 0
    target = draw(RANGES if ranged else PORTS)
    text = target
    form = draw(st.integers(0, 3))
    if form:
        first = draw(st.integers(2000, 60000))
        host = (
            f"{first}-{first + int(target.split('-')[1]) - int(target.split('-')[0])}"
            if ranged
            else draw(PORTS)
        )
        text = f"{draw(pick('', host))}:{target}" if form == 3 else f"{host}:{target}"
        if form == 2:
            text = f"{draw(ADDRESSES)}:{text}"
    return text + draw(pick("", "", "", "/tcp", "/udp"))


LONG_PORTS = table(
    {
        "published": st.one_of(
            PORTS, st.integers(1, 65535), tame(PORTS, RANGES | pick("", 0, "x", "8080-8081"), 4)
        ),
        "protocol": pick("tcp", "udp", "sctp", "TCP", ""),
        "mode": pick("host", "ingress", "x", ""),
        "host_ip": ADDRESSES,
        "name": TEXTS,
        "app_protocol": pick("http", "grpc"),
        "x-note": EXTENSION,
    },
    needed={"target": tame(st.integers(1, 65535), pick("80", "80-81", 0, 65536, "", -1, 80.5), 6)},
)

PORT = st.one_of(short_ports(), short_ports(), LONG_PORTS)

HOST_PATHS = pick(".", "./src", "..", "../up", "/abs", "/abs/../x", "~", "~/home", "~user/x", "./a b", "sub/", "/a//b", "./${EMPTY:-here}", "C:\\data", "c:/data", "\\\\host\\share", "./.", "/", ".hidden", "./a:b"[:3], "C:", "c:\\", "D:\\a\\..\\b")  # fmt: skip
TARGETS = pick("/data", "/var/lib/x", "/a/", "/a/../b", "data", "/", "C:\\app", "c:/app", "/with space", "", "/x//y", "./rel", "~/x", "\\\\.\\pipe\\docker")  # fmt: skip
MODES = pick("ro", "rw", "z", "Z", "ro,z", "nocopy", "cached", "delegated", "rshared", "rslave,ro", "bogus", "", "ro,rw", "volume-nocopy", "rprivate", "Ro", "ro,", "z,Z", "volume-opt=a", "consistent")  # fmt: skip


@st.composite
def short_mounts(draw: st.DrawFn) -> str:
    """`[source:]target[:mode]`."""
    form = draw(st.integers(0, 5))
    target = draw(tame(pick("/data", "/var/lib/x", "/etc/conf"), TARGETS, 4))
    if form == 0:
        return str(draw(tame(st.just(target), pick("", ":", "a:b:c:d", "::", "x:", ":/x", "v:/data", "vv:/data", "z:\\x:/y", "a:/b:ro:x", "./x", "name", "/a:/b:", "c:\\x:c:\\y:ro"), 3)))  # fmt: skip
    source = draw(st.one_of(pick(*VOLUMES), HOST_PATHS))
    mode = ":" + draw(tame(pick("ro", "rw", "z", "ro,Z"), MODES, 3)) if form > 3 else ""
    return f"{source}:{target}{mode}"


LONG_MOUNTS = table(
    {
        "source": st.one_of(pick(*VOLUMES), HOST_PATHS),
        "target": tame(pick("/data", "/x"), TARGETS, 4),
        "read_only": BOOLEANS,
        "consistency": pick("cached", "bogus"),
        "bind": table({"propagation": pick("rshared", "x"), "create_host_path": BOOLEANS, "selinux": tame(pick("z", "Z"), pick("y"), 9), "recursive": tame(pick("enabled", "disabled", "writable", "readonly"), pick("no"), 9)}),
        "volume": table({"nocopy": BOOLEANS, "subpath": pick("a", "/a", "../b"), "labels": st.deferred(lambda: LABELS)}),
        "tmpfs": table({"size": SIZES, "mode": tame(pick(0o1777, "1777", Verbatim("01777"), Verbatim("0o755"), 755), pick("x", 1.5), 5)}),
        "image": table({"subpath": pick("a", "/a/b")}),
        "x-m": EXTENSION,
    },
    needed={
        "type": tame(pick("bind", "volume", "tmpfs", "npipe", "image", "cluster"), pick("nfs", "", None), 15),
    },
    most=4,
)  # fmt: skip

MOUNT = st.one_of(short_mounts(), short_mounts(), LONG_MOUNTS)


# -- mappings of settings, as lists too ----------------------------------------------------------------------

NAMES = tame(
    pick("A", "B", "PORT", "com.example.x", "lower", "A_B", "a-b"), pick("with space", "x-ext", "é", ""), 8
)
ASSIGNMENTS = st.builds(
    lambda name, rest: f"{name}{rest}",
    NAMES,
    pick("", "=", "=b", "=b=c", "= b", "=$$x", "=1", "=true", '="q"', "='q'", "=a b", "=${SET}", "=${UNSET}", " =x", "=null", "=a#b", "=\n", "=multi\nline", ":x", "=é"),
)  # fmt: skip


def settings(values: Strategy = VALUES, names: Strategy = NAMES) -> Strategy:
    """A mapping of scalars, or the list that means the same."""
    mapping = st.dictionaries(names, values, max_size=4)
    listed = seldom(several(ASSIGNMENTS, 0, 4), several(seldom(ASSIGNMENTS, VALUES, 4)), 12)
    return tame(in_flow(st.one_of(mapping, listed)), pick(None, "A=b", {}), 60)


ENVIRONMENT = settings()
LABELS: st.SearchStrategy[Any] = settings()
TEXT_SETTINGS = settings(seldom(WORDS, SCALARS, 6))
DRIVER_OPTIONS = st.dictionaries(NAMES, seldom(seldom(WORDS, pick(1, 1.5, "o"), 3), VALUES, 6), max_size=3)

COMMANDS = tame(
    st.one_of(
        pick("run", "echo hello world", "sh -c 'a b'", 'sh -c "a $$b"', "a\\ b c", "a 'b''c' \"d\"e", "  spaced   out ", "echo \"a\\\"b\" 'c\\d'", "a # b", "a; b && c | d > e", "", "a '' b", "é ü", "a\nb", "a\\\nb", "a\tb", "echo $$HOME ${SET}", '--flag="x y" -v', "\"\\$$x\" '\\$$y'", "a\\", "`x`", "$$(x)", "(a)", "a&b", "~/x *.c", "{a,b}"),
        several(seldom(WORDS, TEXTS, 10), 0, 4),
        BLOCKS,
    ),
    pick(None, [], "'unclosed", '"unclosed', [None], [1], [True], ["a", ["b"]], 5, {}, "a 'b"),
    15,
)  # fmt: skip

HOSTS = st.one_of(
    several(pick("a=1.2.3.4", "b:1.2.3.4", "c=::1", "c:::1", "d=[::1]", "host.docker.internal:host-gateway", "g=1.1.1.1,2.2.2.2", "a=5.6.7.8", "h:[fe80::1]", "x:y:z"), 0, 4),
    tame(several(pick("a=1.2.3.4", "b:::1"), 0, 2), several(pick("e", "f=", "", "=1.1.1.1", "i = 1.1.1.1", "x=y=z", "[::1]")), 3),
    st.dictionaries(pick("a", "b", "h.example"), st.one_of(pick("1.2.3.4", "::1", "[::1]", "host-gateway", "", "1.1.1.1,2.2.2.2"), several(pick("1.1.1.1", "2.2.2.2", "::1"))), max_size=3),
)  # fmt: skip

ULIMITS = st.dictionaries(
    pick("nofile", "nproc", "core", "memlock"),
    st.one_of(COUNTS, table({}, needed={"soft": COUNTS, "hard": COUNTS}), table({"x-u": EXTENSION}, needed={"soft": COUNTS, "hard": COUNTS}), tame(pick("1024", -1), pick("1024:2048", {"soft": -1}, {}), 4)),
    max_size=3,
)  # fmt: skip

GPUS = table(
    {
        "driver": pick("nvidia", ""),
        "count": tame(pick(1, 2, "all"), pick("1", -1, 0, "x", "All", 1.5), 5),
        "device_ids": tame(pick([]), several(pick("0", "1", "GPU-x")), 2),
        "options": LABELS,
    },
    needed={"capabilities": several(pick("gpu", "tpu", "utility"), 1, 2)},
)


def granted(names: tuple[str, ...]) -> Strategy:
    """The secrets or configs of a service."""
    long = table(
        {
            "target": pick("/run/x", "x", "a/b", "", "../x"),
            "uid": tame(pick("1000", "0"), pick(1000), 5),
            "gid": pick("1000", "x"),
            "mode": tame(
                pick(0o440, Verbatim("0440"), Verbatim("0o400"), "0440", "440"), pick(1.5, "x", -1, ""), 5
            ),
            "x-g": EXTENSION,
        },
        needed={"source": pick(*names)},
    )
    return several(st.one_of(pick(*names), long))
