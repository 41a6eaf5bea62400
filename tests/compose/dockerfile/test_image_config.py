"""Reading Dockerfiles: the grammar, the stages, and what ends up in the image's configuration."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose2fargate.compose.dockerfile.dockerfile_reader import read_dockerfile
from compose2fargate.compose.dockerfile.image_config import (
    MAX_SIZE,
    ImageConfig,
    ImageCopy,
    ImageHealthCheck,
    runtime_command,
)
from compose2fargate.diagnostics import Diagnostic, LoadError, Location, Severity
from compose2fargate.diagnostics.codes import CODES

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SHELL = ("/bin/sh", "-c")


def image(text: str, **options: Any) -> ImageConfig:
    config, findings = read_dockerfile(text, file="Dockerfile", **options)
    assert findings == []
    return config


def refusal(text: str, **options: Any) -> Diagnostic:
    with pytest.raises(LoadError) as caught:
        read_dockerfile(text, file="Dockerfile", **options)
    found = caught.value.diagnostics[0]
    assert found.severity is Severity.ERROR
    assert found.location is not None
    assert found.code in CODES
    return found


def body(text: str, **options: Any) -> ImageConfig:
    return image("FROM scratch\n" + text, **options)


# --- a whole file ---------------------------------------------------------------------------------------

REALISTIC = """\
# syntax=docker/dockerfile:1.7
ARG NODE_VERSION=20

FROM --platform=$BUILDPLATFORM node:${NODE_VERSION}-alpine AS Build
WORKDIR /src
COPY package*.json ./
RUN --mount=type=cache,target=/var/cache/npm \\
    npm ci && \\
    # what nobody needs at run time
    rm -rf docs

RUN <<EOF
set -e
FROM nothing: this line is a shell's
npm run build
EOF

FROM node:${NODE_VERSION}-alpine AS runtime
ARG PORT=3000
ENV NODE_ENV=production \\
    PORT=${PORT} GREETING="hello $PORT" \\
    PATH=/app/node_modules/.bin:$PATH
WORKDIR /app
COPY --from=build --chown=node:node /src/dist ./dist
LABEL org.opencontainers.image.source="https://example.com/repo" stage=$NODE_ENV
EXPOSE ${PORT} 9229/tcp 5000-5002/udp
VOLUME ["/data", "/cache"]
USER node:node
STOPSIGNAL SIGINT
HEALTHCHECK --interval=30s --timeout=5s --start-period=1m30s --retries=3 \\
  CMD wget -qO- http://localhost:${PORT}/health || exit 1
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["node", "dist/main.js"]

FROM runtime AS worker
HEALTHCHECK NONE
CMD node dist/worker.js --queue $QUEUE
"""


def test_a_realistic_file_gives_the_configuration_of_its_target() -> None:
    config = image(REALISTIC, target="runtime")
    assert config == ImageConfig(
        entrypoint=("docker-entrypoint.sh",),
        cmd=("node", "dist/main.js"),
        env={"NODE_ENV": "production", "PORT": "3000", "GREETING": "hello 3000"},
        exposed=((3000, "tcp"), (9229, "tcp"), (5000, "udp"), (5001, "udp"), (5002, "udp")),
        volumes=("/data", "/cache"),
        healthcheck=ImageHealthCheck(
            ("CMD-SHELL", "wget -qO- http://localhost:${PORT}/health || exit 1"), 30.0, 5.0, 90.0, None, 3
        ),
        user="node:node",
        working_dir="/app",
        stop_signal="SIGINT",
        # LABEL sees ENV as it stands by then.
        labels={"org.opencontainers.image.source": "https://example.com/repo", "stage": "production"},
        shell=SHELL,
        base="node:20-alpine",
        platform=None,
        locations={
            name: Location("Dockerfile", line, 1)
            for name, line in {
                "base": 18,
                "env": 20,
                "working_dir": 23,
                "labels": 25,
                "exposed": 26,
                "volumes": 27,
                "user": 28,
                "stop_signal": 29,
                "healthcheck": 30,
                "entrypoint": 32,
                "cmd": 33,
                "stage": 18,
            }.items()
        },
        inherits=("shell", "env", "exposed", "volumes", "labels"),
        copies=(ImageCopy(("/src/dist",), "/app/dist", "build"),),
    )


def test_what_is_copied_and_run_is_known_with_its_place() -> None:
    config = image(
        "FROM alpine AS low\nRUN apk add curl\nFROM low\nARG AT=/srv\nWORKDIR /app\n"
        'COPY . .\nADD a.txt b.txt $AT/\nCOPY ["x y", "/z"]\nRUN ["make", "it"]\n'
    )
    assert config.copies == (
        ImageCopy((".",), "/app/"),
        ImageCopy(("a.txt", "b.txt"), "/srv/"),
        ImageCopy(("x y",), "/z"),
    )
    assert config.runs == ("apk add curl", '["make", "it"]')


def test_the_last_stage_inherits_from_the_stage_it_is_built_on() -> None:
    config = image(REALISTIC)
    assert config.entrypoint == ("docker-entrypoint.sh",)
    assert config.cmd == (*SHELL, "node dist/worker.js --queue $QUEUE")
    assert config.healthcheck == ImageHealthCheck(("NONE",))
    assert (config.user, config.exposed[0]) == ("node:node", (3000, "tcp"))
    assert config.locations["stage"].line == 35
    assert config.locations["cmd"].line == 37
    assert config.locations["entrypoint"].line == 32


# --- lines ----------------------------------------------------------------------------------------------


def test_windows_line_ends_and_a_byte_order_mark_change_nothing() -> None:
    assert image("\ufeff" + REALISTIC.replace("\n", "\r\n")) == image(REALISTIC)


def test_keywords_are_read_in_any_case() -> None:
    assert image('from scratch\ncmd ["x"]\neNv a=b').cmd == ("x",)


def test_comments_and_blank_lines_may_stand_inside_a_continued_command() -> None:
    text = "CMD one \\\n  # a comment \\\n\n   \n two\\\n three \\\n"
    assert body(text).cmd == (*SHELL, "one  two three")


def test_blanks_may_follow_the_backslash_that_continues_a_line() -> None:
    assert body("CMD one \\ \t\n two\nUSER me").cmd == (*SHELL, "one  two")


def test_two_backslashes_at_the_end_continue_nothing() -> None:
    assert body("CMD one \\\\\nUSER me").user == "me"


def test_the_escape_directive_changes_what_continues_a_line() -> None:
    text = "# escape=`\n# syntax=docker/dockerfile:1\n\nFROM scratch\nENV A=C:\\dir `\n  B=1\nCMD a `\n b"
    config = image(text)
    assert config.env == {"PATH": PATH, "A": "C:\\dir", "B": "1"}
    assert config.cmd == (*SHELL, "a  b")


@pytest.mark.parametrize(
    "start", ["\n# escape=`\n", "# hello\n# escape=`\n", "#!/bin/sh\n# escape=`\n", "# other=1\n# escape=`\n"]
)
def test_a_directive_behind_anything_else_is_a_comment(start: str) -> None:
    assert image(start + "FROM scratch\nENV A=x\\ y").env["A"] == "x y"


@pytest.mark.parametrize(
    "head",
    [
        "RUN <<EOF",
        "RUN <<-EOF",
        "RUN << EOF",
        'RUN <<"EOF"',
        "RUN <<E'O'F",
        "RUN python3 - <<EOF arg",
        "COPY <<EOF /x",
        "ONBUILD RUN <<EOF",
        "RUN --mount=type=tmpfs,target=/t 3<<EOF sh",
    ],
)
def test_the_body_of_a_heredoc_is_skipped(head: str) -> None:
    assert body(f"{head}\nUSER nobody\n CMD x \\\n EOF\nEOF\nUSER me").user == "me"


def test_several_heredocs_of_one_line_follow_each_other() -> None:
    assert body("COPY <<A <<-B /dest/\nB\nUSER no\nA\nA\nUSER no\n\tB\nUSER me").user == "me"


@pytest.mark.parametrize(
    "line",
    [
        'RUN ["x", "<<EOF"]',
        'RUN echo "<<EOF"',
        "RUN cat <<<EOF",
        "RUN echo '<<EOF'",
        "RUN x <<",
        'RUN echo "${x^^}" <<EOF',
    ],
)
def test_what_only_looks_like_a_heredoc_takes_no_lines(line: str) -> None:
    assert body(f"{line}\nUSER me").user == "me"


def test_a_heredoc_that_is_not_closed_is_refused() -> None:
    found = refusal("FROM scratch\nRUN <<EOF\nls\n")
    assert found.message == "the heredoc EOF is not closed"
    assert found.location == Location("Dockerfile", 2, 1)


# --- commands -------------------------------------------------------------------------------------------

COMMANDS = {
    'CMD ["a", "b c"]': ("a", "b c"),
    'CMD  [ "a" , "b" ]  ': ("a", "b"),
    'CMD ["\\u0041\\n"]': ("A\n",),
    'CMD ["\\ud800"]': ("\ufffd",),
    "CMD []": (),
    "CMD": (*SHELL, ""),
    "CMD a $B 'c'": (*SHELL, "a $B 'c'"),
    'CMD a "b"   c': (*SHELL, 'a "b"   c'),
    'CMD "a", "b"': (*SHELL, '"a", "b"'),
    "CMD [ -f /x ] && run": (*SHELL, "[ -f /x ] && run"),
    'CMD ["a"] && b': (*SHELL, '["a"] && b'),
    'SHELL ["/bin/bash", "-lc"]\nCMD a': ("/bin/bash", "-lc", "a"),
    'CMD a\nSHELL ["/bin/bash", "-lc"]': (*SHELL, "a"),
    "CMD a\nCMD b": (*SHELL, "b"),
    "CMD a <<EOF": (*SHELL, "a <<EOF"),
}


@pytest.mark.parametrize(("text", "expected"), COMMANDS.items())
def test_a_command_is_recorded_as_docker_records_it(text: str, expected: tuple[str, ...]) -> None:
    config, _ = read_dockerfile("FROM scratch\n" + text, file="Dockerfile")
    assert config.cmd == expected


def test_the_shell_of_windows_images_is_cmd() -> None:
    assert body("CMD dir", platform="windows/amd64").cmd == ("cmd", "/S", "/C", "dir")


@pytest.mark.parametrize(
    "text",
    [
        "CMD ['a', 'b']",
        'CMD ["a", "b",]',
        'CMD ["a", "b"',
        "ENTRYPOINT [“a”]",
        'CMD [ "a", b ]',
        "HEALTHCHECK CMD ['curl', 'x']",
        'CMD ["a"] ; b',
    ],
)
def test_a_broken_json_array_is_warned_about(text: str) -> None:
    _, (found,) = read_dockerfile("FROM scratch\n" + text, file="Dockerfile")
    assert (found.code, found.severity) == ("C2F185", Severity.WARNING)
    assert found.location == Location("Dockerfile", 2, 1)


def test_a_json_array_of_other_things_than_strings_is_refused() -> None:
    assert "strings only" in refusal('FROM scratch\nCMD ["a", 1]').message
    assert "strings only" in refusal("FROM scratch\nCMD " + "[" * 20_000).message


def test_an_entrypoint_forgets_the_command_of_the_stage_below() -> None:
    text = "FROM scratch AS a\nCMD x\nFROM a\nENTRYPOINT y"
    config = image(text)
    assert (config.entrypoint, config.cmd) == ((*SHELL, "y"), None)
    assert "cmd" not in config.locations
    assert config.inherits == ()


def test_an_entrypoint_keeps_the_command_of_its_own_stage() -> None:
    assert body("CMD x\nENTRYPOINT y").cmd == (*SHELL, "x")
    assert body("ENTRYPOINT y\nCMD x").cmd == (*SHELL, "x")


def test_an_entrypoint_forgets_the_command_of_the_base_image() -> None:
    assert "cmd" not in image('FROM nginx\nENTRYPOINT ["x"]').inherits
    assert {"cmd", "entrypoint"} <= set(image("FROM nginx").inherits)
    assert "entrypoint" in image("FROM nginx\nCMD x").inherits


def test_an_empty_entrypoint_is_none_at_all() -> None:
    config = image("FROM nginx\nENTRYPOINT []\nCMD []")
    assert (config.entrypoint, config.cmd) == ((), ())
    assert not {"cmd", "entrypoint"} & set(config.inherits)


# --- variables ------------------------------------------------------------------------------------------


def test_both_forms_of_env_are_read() -> None:
    env = body('ENV a=b c="d e" f=\\ x g=\'$a\'\nENV k the rest  of "it"\nENV q=').env
    assert env == {"PATH": PATH, "a": "b", "c": "d e", "f": " x", "g": "$a", "k": "the rest  of it", "q": ""}


def test_all_values_of_one_line_see_the_variables_before_the_line() -> None:
    assert body("ENV a=1\nENV a=2 b=$a\nENV c=$a").env == {"PATH": PATH, "a": "2", "b": "1", "c": "2"}


def test_a_later_env_wins_over_an_arg_and_a_later_arg_over_an_env() -> None:
    assert body("ARG a=1\nENV a=2\nENV b=$a").env["b"] == "2"
    config = body("ENV a=1\nARG a=2\nENV b=$a")
    assert (config.env["a"], config.env["b"]) == ("1", "2")


def test_an_env_shows_again_in_the_next_stage() -> None:
    text = "FROM scratch AS x\nENV a=1\nARG a=2\nARG c=3\nFROM x\nENV b=$a$c"
    assert image(text).env["b"] == "13"


def test_a_global_argument_must_be_declared_again_in_the_stage() -> None:
    text = "ARG V=1\nARG W=$V.2\nFROM scratch\nENV a=$V\nARG V\nARG W=own\nENV b=$V c=$W"
    assert image(text).env == {"PATH": PATH, "a": "", "b": "1", "c": "own"}


def test_build_arguments_win_over_every_default() -> None:
    text = "ARG V=1\nFROM img:$V\nARG V=3\nARG W\nARG X=$V\nENV a=$V$W$X"
    config = image(text, args={"V": "9", "W": "w", "UNUSED": "u", "X": None})
    assert (config.base, config.env["a"]) == ("img:9", "9w9")


def test_predefined_arguments_follow_the_platform() -> None:
    names = ["TARGETPLATFORM", "TARGETOS", "TARGETARCH", "TARGETVARIANT", "BUILDPLATFORM", "TARGETSTAGE"]
    text = f"FROM scratch AS last\nARG {' '.join(names)}\nENV all={'+'.join(f'${name}' for name in names)}"
    assert image(text).env["all"] == "linux/amd64+linux+amd64++linux/amd64+last"
    assert image(text, platform="linux/aarch64").env["all"].startswith("linux/arm64+linux+arm64++")
    assert image(text, platform="linux/arm/v7").env["all"].startswith("linux/arm/v7+linux+arm+v7+")
    assert image(text, args={"TARGETARCH": "mine"}).env["all"].startswith("linux/amd64+linux+mine+")
    assert image("FROM scratch\nARG TARGETSTAGE\nUSER $TARGETSTAGE").user == "default"


def test_commands_are_not_substituted() -> None:
    config = body('ENV a=1\nCMD echo $a\nENTRYPOINT ["$a"]\nHEALTHCHECK CMD test $a')
    assert (config.cmd, config.entrypoint) == ((*SHELL, "echo $a"), ("$a",))
    assert config.healthcheck == ImageHealthCheck(("CMD-SHELL", "test $a"))


def test_values_from_a_base_image_are_left_open() -> None:
    config = image("FROM node\nENV PATH=/app/bin:$PATH HERE=1\nENV X=$PATH Y=${PATH:-y}\nLABEL p=$X q=$HERE")
    assert config.env == {"HERE": "1"}
    assert config.labels == {"q": "1"}


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("USER $APP_USER", "user"),
        ("WORKDIR $HOME/app", "working_dir"),
        ("WORKDIR app", "working_dir"),
        ("WORKDIR /${HOME#/}", "working_dir"),
        ("STOPSIGNAL $SIG", "stop_signal"),
    ],
)
def test_a_setting_that_depends_on_the_base_image_is_open_and_reported(line: str, field: str) -> None:
    config, (found,) = read_dockerfile(f"FROM node:20\n{line}", file="Dockerfile")
    assert getattr(config, field) is None
    assert field in config.inherits
    assert (found.code, found.severity, found.location) == (
        "C2F186",
        Severity.WARNING,
        Location("Dockerfile", 2, 1),
    )
    assert "node:20" in found.message


def test_ports_and_volumes_that_depend_on_the_base_image_are_reported() -> None:
    config, findings = read_dockerfile("FROM node\nEXPOSE $P 80\nVOLUME $V /v", file="Dockerfile")
    assert (config.exposed, config.volumes) == (((80, "tcp"),), ("/v",))
    assert [found.code for found in findings] == ["C2F186", "C2F186"]


def test_a_variable_with_a_default_is_taken_at_its_word() -> None:
    assert image("FROM node\nEXPOSE ${PORT:-8080}").exposed == ((8080, "tcp"),)


def test_a_declared_argument_without_a_value_is_empty() -> None:
    assert image("FROM node\nARG SUFFIX\nUSER app$SUFFIX").user == "app"


def test_a_required_variable_is_refused_with_its_message() -> None:
    found = refusal("FROM scratch\nARG V\nCOPY ${V:?missing} /")
    assert (found.code, found.location) == ("C2F184", Location("Dockerfile", 3, 1))
    assert "V: missing" in found.message


# --- single instructions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("WORKDIR /a\nWORKDIR b\nWORKDIR c/d", "/a/b/c/d"),
        ("WORKDIR /a/b\nWORKDIR ../c/./d", "/a/c/d"),
        ("WORKDIR /a\nWORKDIR /b/", "/b/"),
        ("WORKDIR x", "/x"),
        ("WORKDIR ../../x", "/x"),
        ('WORKDIR "/with blanks"', "/with blanks"),
        ("ENV D=/d\nWORKDIR $D/e", "/d/e"),
        ("USER me", "/"),
    ],
)
def test_working_directories_add_up(lines: str, expected: str) -> None:
    assert body(lines).working_dir == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("80", ((80, "tcp"),)),
        ("53/udp 53/TCP 53/udp", ((53, "udp"), (53, "tcp"))),
        ("8000-8002", ((8000, "tcp"), (8001, "tcp"), (8002, "tcp"))),
        ("9/sctp", ((9, "sctp"),)),
        ("80/", ((80, "tcp"),)),
        ("8080:80", ((80, "tcp"),)),
    ],
)
def test_exposed_ports_are_expanded(arguments: str, expected: tuple[tuple[int, str], ...]) -> None:
    assert body(f"EXPOSE {arguments}").exposed == expected
    assert body(f"ENV P='{arguments}'\nEXPOSE $P").exposed == expected


@pytest.mark.parametrize("arguments", ["http", "80/icmp", "70000", "20-10", "80-", "-1", "", "1-2-3"])
def test_a_port_that_is_none_is_refused(arguments: str) -> None:
    assert refusal(f"FROM scratch\nEXPOSE {arguments}").code == "C2F180"


def test_both_forms_of_volume_are_read() -> None:
    assert body('VOLUME /a /b\nENV C=/c\nVOLUME ["$C", "/a", "/d e"]').volumes == ("/a", "/b", "/c", "/d e")


@pytest.mark.parametrize(
    ("flags", "seconds"),
    [
        ("1m30s", 90.0),
        ("500ms", 0.5),
        ("1.5h", 5400.0),
        ("1h2m3s4ms", 3723.004),
        ("2m", 120.0),
        (".5s", 0.5),
        ("0", None),
        ("0s", None),
        ("", None),
        ("90000us", 0.09),
        ("+1s", 1.0),
    ],
)
def test_durations_are_read_as_go_reads_them(flags: str, seconds: float | None) -> None:
    check = body(f"HEALTHCHECK --interval={flags} CMD true").healthcheck
    assert check == ImageHealthCheck(("CMD-SHELL", "true"), interval=seconds)


@pytest.mark.parametrize("flags", ["30", "s", "1x", "-1s", "1m 30", "999us", "1s2", "300000000h", ".s", "+"])
def test_a_duration_that_is_none_is_refused(flags: str) -> None:
    assert refusal(f"FROM scratch\nHEALTHCHECK --interval='{flags}' CMD true").code == "C2F180"


def test_a_healthcheck_may_be_an_array() -> None:
    config = body('HEALTHCHECK --start-interval=2s --retries=0 CMD ["curl", "-f", "x"]')
    assert config.healthcheck == ImageHealthCheck(("CMD", "curl", "-f", "x"), start_interval=2.0)


@pytest.mark.parametrize("name", ["SIGTERM", "TERM", "sigquit", "9", "SIGRTMIN+3", "$S"])
def test_a_signal_is_kept_as_it_is_written(name: str) -> None:
    assert body(f"ENV S=SIGINT\nSTOPSIGNAL {name}").stop_signal == name.replace("$S", "SIGINT")


@pytest.mark.parametrize("name", ["SIGNOTHING", "0", "RTMIN+16", '""'])
def test_a_signal_that_is_none_is_refused(name: str) -> None:
    assert "no signal" in refusal(f"FROM scratch\nSTOPSIGNAL {name}").message


def test_labels_lose_their_quotes() -> None:
    assert body("""LABEL "a.b"='c d' e="f \\\n g" """).labels == {"a.b": "c d", "e": "f  g"}


# --- stages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["Dev", "DEV", "dev"])
def test_a_target_is_found_in_any_case(target: str) -> None:
    assert image("FROM a AS dev\nUSER dev\nFROM b\nUSER prod", target=target).user == "dev"


def test_a_target_may_be_an_index() -> None:
    assert image("FROM a\nUSER zero\nFROM b\nUSER one", target="0").user == "zero"


def test_of_two_stages_with_one_name_the_later_is_the_target() -> None:
    text = "FROM a AS x\nUSER one\nFROM x AS x\nCMD two\nFROM c"
    assert image(text, target="x").cmd == (*SHELL, "two")
    assert image(text, target="x").user == "one"


def test_a_stage_may_build_on_a_stage_named_in_another_case() -> None:
    assert image("FROM a AS Base\nUSER me\nFROM BASE").user == "me"


def test_a_missing_target_names_the_stages_there_are() -> None:
    found = refusal("FROM a AS dev\nFROM b\nFROM c AS prod", target="staging")
    assert found.code == "C2F183"
    assert found.hint == "the stages are: dev, 1, prod"
    assert found.location == Location("Dockerfile", 3, 1)


def test_stages_beside_the_chain_have_no_say() -> None:
    config = image("FROM a AS one\nUSER one\nFROM b AS two\nCOPY --from=one /x /x\nCMD two")
    assert (config.base, config.user) == ("b", None)


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("$BUILDPLATFORM", "linux/amd64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("arm64", "linux/arm64"),
        ("linux/x86_64", "linux/amd64"),
        ("linux/arm", "linux/arm/v7"),
        ("windows", "windows/amd64"),
    ],
)
def test_the_platform_of_a_base_is_substituted_and_normalised(flag: str, expected: str) -> None:
    assert image(f"FROM --platform={flag} a").platform == expected


def test_a_stage_takes_the_platform_of_the_stage_it_builds_on() -> None:
    assert (
        image("FROM --platform=linux/arm64 a AS x\nFROM --platform=linux/amd64 x").platform == "linux/arm64"
    )


def test_postponed_instructions_run_in_the_stages_built_on_top() -> None:
    text = 'FROM a AS x\nONBUILD USER later\nONBUILD CMD ["x"]\nUSER now\n'
    assert image(text, target="x").user == "now"
    config = image(text + 'FROM x AS y\nENTRYPOINT ["e"]\nFROM y')
    assert (config.user, config.cmd) == ("later", ("x",))
    assert config.locations["user"].line == 2
    assert image(text + 'FROM x AS y\nFROM y\nENTRYPOINT ["e"]').cmd is None


def test_an_unknown_instruction_may_be_postponed_until_it_is_run() -> None:
    text = "FROM a AS x\nONBUILD NOTHING y\n"
    assert image(text).base == "a"
    assert refusal(text + "FROM x").code == "C2F181"


def test_flags_of_a_healthcheck_that_is_switched_off_are_not_looked_at() -> None:
    assert body("HEALTHCHECK --foo=1 NONE").healthcheck == ImageHealthCheck(("NONE",))


def test_a_file_from_scratch_inherits_nothing() -> None:
    config = body("")
    assert (config.base, config.inherits, config.working_dir, config.env) == (None, (), "/", {"PATH": PATH})


def test_lines_count_from_where_the_dockerfile_begins_in_another_file() -> None:
    config = image("FROM a\nUSER me", first_line=10)
    assert config.locations["user"] == Location("Dockerfile", 11, 1)
    assert refusal("FROM a\nUSR me", first_line=10).location == Location("Dockerfile", 11, 1)


# --- what Docker refuses --------------------------------------------------------------------------------

REFUSED = {
    "": ("C2F182", 1, "no FROM"),
    "\n\n# nothing\n": ("C2F182", 1, "no FROM"),
    "ARG A=1\n": ("C2F182", 1, "no FROM"),
    "RUN x\nFROM a": ("C2F182", 1, "before the first FROM"),
    "FROM a\n\nEXPSE 80": ("C2F181", 3, "unknown instruction EXPSE"),
    "FROM": ("C2F180", 1, "at least one argument"),
    "FROM a b": ("C2F180", 1, "AS a name"),
    "FROM a AS 1x": ("C2F180", 1, "cannot name a stage"),
    "FROM $NOTHING": ("C2F180", 1, "is empty"),
    "FROM ${X:?missing}": ("C2F184", 1, "X: missing"),
    "FROM --platform=a/b/c/d x": ("C2F180", 1, "not a platform"),
    "FROM --platform=$NO x": ("C2F180", 1, "not a platform"),
    "FROM --plat=a x": ("C2F180", 1, "no flag --plat"),
    "FROM a\nCMD --flag x": ("C2F180", 2, "no flag --flag"),
    "FROM a\nHEALTHCHECK --retries CMD x": ("C2F180", 2, "needs a value"),
    "FROM a\nHEALTHCHECK --retries=1 --retries=2 CMD x": ("C2F180", 2, "given twice"),
    "FROM a\nHEALTHCHECK --retries=-1 CMD x": ("C2F180", 2, "number of retries"),
    "FROM a\nHEALTHCHECK": ("C2F180", 2, "CMD and a command"),
    "FROM a\nHEALTHCHECK CMD": ("C2F180", 2, "CMD and a command"),
    "FROM a\nHEALTHCHECK NONE x": ("C2F180", 2, "no arguments"),
    "FROM a AS unused\nHEALTHCHECK curl x\nFROM b": ("C2F180", 2, "CMD and a command"),
    "FROM a\nSHELL /bin/bash -c": ("C2F180", 2, "JSON array"),
    "FROM a\nSHELL []": ("C2F180", 2, "JSON array"),
    "FROM a\nENV": ("C2F180", 2, "at least one name"),
    "FROM a\nENV A": ("C2F180", 2, "value for A"),
    "FROM a\nENV A=1 B": ("C2F180", 2, "'B' without a ="),
    "FROM a\nENV =1": ("C2F180", 2, "without a name"),
    "FROM a\nARG": ("C2F180", 2, "at least one name"),
    "FROM a\nARG =1": ("C2F180", 2, "without a name"),
    "FROM a\nENV A='x": ("C2F184", 2, "closing ' is missing"),
    "FROM a\nUSER": ("C2F180", 2, "exactly one"),
    "FROM a\nCOPY x": ("C2F180", 2, "a destination"),
    "FROM a\nVOLUME []": ("C2F180", 2, "at least one"),
    'FROM a\nVOLUME [""]': ("C2F180", 2, "empty path"),
    "FROM a\nONBUILD": ("C2F180", 2, "needs an instruction"),
    "FROM a\nONBUILD ONBUILD RUN x": ("C2F180", 2, "cannot postpone ONBUILD"),
    "FROM a\nONBUILD FROM b": ("C2F180", 2, "cannot postpone FROM"),
    "FROM a\nRUN <<'EOF\nEOF": ("C2F181", 3, "unknown instruction EOF"),
    "# escape=x\nFROM a": ("C2F180", 1, "escape character"),
    "# escape=`\n# escape=`\nFROM a": ("C2F180", 2, "given twice"),
    "FROM a\nRUN " + "x" * 70_000: ("C2F187", 2, "longer than"),
}


@pytest.mark.parametrize(("text", "expected"), REFUSED.items(), ids=lambda value: str(value)[:40])
def test_what_docker_refuses_is_refused_with_its_line(text: str, expected: tuple[str, int, str]) -> None:
    found = refusal(text)
    assert found.location is not None
    assert (found.code, found.location.line) == expected[:2]
    assert expected[2] in found.message


def test_an_unknown_instruction_gets_the_nearest_known_one() -> None:
    assert refusal("FROM a\nENTRYPIONT x").hint == "did you mean ENTRYPOINT?"


def test_all_malformed_instructions_are_reported_in_one_run() -> None:
    with pytest.raises(LoadError) as caught:
        read_dockerfile("FROM a\nENV A\nUSER\nFOO x\nBAR y\nRUN ok\nBAZ z", file="Dockerfile")
    lines = [found.location.line for found in caught.value.diagnostics if found.location]
    assert lines == [2, 3, 4, 7]  # BAR directly behind FOO is most likely the same mistake


# --- limits ---------------------------------------------------------------------------------------------


def test_a_file_that_is_too_large_is_refused() -> None:
    assert refusal("#" * (MAX_SIZE + 1)).code == "C2F187"


def test_doubling_variables_are_refused_before_they_fill_the_memory() -> None:
    lines = "".join(f"ENV A{n + 1}=$A{n}$A{n}\n" for n in range(60))
    assert refusal("FROM scratch\nENV A0=xxxxxxxxxx\n" + lines).code == "C2F184"
    copies = "".join(f"ENV B{n}=$A\n" for n in range(2000))
    assert refusal(f"FROM scratch\nENV A={'x' * 50_000}\n" + copies).code == "C2F187"


def test_many_wide_port_ranges_are_refused() -> None:
    assert refusal("FROM scratch\n" + "EXPOSE 1-65535\n" * 1000).code == "C2F187"


@pytest.mark.parametrize(
    "unit",
    [
        "RUN echo hello \\\n  && world\n",
        "FROM a AS s{n}\nENV A{n}=$A{m}\n",
        "FROM s{m} AS s{n}\nENV A{n}=1\nARG A{m}=2\n",
        "ENV A{n}=x B=$A{m}\n",
        "RUN <<E\nx\nE\n",
        "# comment\n",
    ],
)
def test_reading_takes_linear_time(unit: str) -> None:
    text = "FROM a AS s0\n" + "".join(unit.format(n=n + 1, m=n) for n in range(20_000))
    began = time.process_time()  # on a busy machine, too
    assert image(text).base == "a"
    assert time.process_time() - began < 10


WORDS = st.sampled_from(
    [
        "FROM",
        "FROM scratch",
        "CMD",
        "ENV",
        "ARG",
        "RUN",
        "COPY",
        "ONBUILD",
        "HEALTHCHECK",
        "EXPOSE",
        "VOLUME",
        "SHELL",
        "LABEL",
        "WORKDIR",
        "USER",
        "STOPSIGNAL",
        "ENTRYPOINT",
        "ADD",
        "MAINTAINER",
        "AS",
        "a",
        "$a",
        "${a:-",
        "}",
        "[",
        "]",
        '"',
        "'",
        ",",
        "\\",
        "`",
        "\n",
        "\n",
        "\r\n",
        " ",
        "=",
        "<<",
        "EOF",
        "--",
        "--interval=",
        "1s",
        "NONE",
        "#",
        "escape=`",
        "0",
        "-",
        "/",
        "\t",
        "\x85",
        "é",
        "\ud7ff",
    ]
)


@given(st.lists(WORDS, max_size=80).map("".join), st.sampled_from([None, "a", "0"]))
def test_any_text_is_read_or_refused_with_located_errors(text: str, target: str | None) -> None:
    read_or_refused(text, target)
    read_or_refused("FROM a\n" + text, target)


@given(st.text(max_size=300))
def test_any_characters_are_read_or_refused(text: str) -> None:
    read_or_refused(text, None)


def read_or_refused(text: str, target: str | None) -> None:
    try:
        _, findings = read_dockerfile(text, file="Dockerfile", target=target, args={"a": "b"})
    except LoadError as error:
        findings = list(error.diagnostics)
        assert findings
    lines = text.count("\n") + 2
    for found in findings:
        assert found.location is not None
        assert 1 <= found.location.line <= lines
        assert found.code in CODES


# --- the command that runs ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entrypoint", "command", "expected"),
    [
        (None, None, (("e",), ("c",))),
        (None, ["x"], (("e",), ("x",))),
        (None, [], (("e",), ("c",))),
        (["y"], None, (("y",), ())),
        (["y"], ["x"], (("y",), ("x",))),
        ([], None, ((), ("c",))),
        ([], ["x"], ((), ("x",))),
        ([""], None, ((), ())),
        ([""], ["x"], ((), ("x",))),
    ],
)
def test_entrypoint_and_command_combine_as_in_docker_engine(
    entrypoint: list[str] | None, command: list[str] | None, expected: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    built = body('ENTRYPOINT ["e"]\nCMD ["c"]')
    assert runtime_command(built, entrypoint, command) == expected


def test_what_an_unknown_image_runs_stays_open() -> None:
    assert runtime_command(None, None, None) == (None, None)
    assert runtime_command(None, None, ["x"]) == (None, ("x",))
    assert runtime_command(None, [], None) == ((), None)
    assert runtime_command(None, ["y"], None) == (("y",), ())
    assert runtime_command(image("FROM a\nCMD x"), None, None) == (None, (*SHELL, "x"))
