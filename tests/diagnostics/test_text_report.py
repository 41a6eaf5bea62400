"""The renderers of diagnostics."""

from __future__ import annotations

import json

import pytest

from compose2fargate.credentials import mask_line
from compose2fargate.diagnostics import Diagnostic, Location, Path, Severity
from compose2fargate.diagnostics.ci_report import github_annotations, sarif_log
from compose2fargate.diagnostics.grouping_diagnostics import group_diagnostics
from compose2fargate.diagnostics.text_report import RENDERERS, render_json, render_text, severity_summary

SOURCE = """\
services:
  web:
    imge: nginx
    environment:
      DB_PASSWORD: hunter2
"""


def finding(
    message: str = "something is wrong",
    *,
    severity: Severity = Severity.ERROR,
    line: int = 0,
    column: int = 1,
    path: Path = (),
    hint: str = "",
    url: str = "",
    trail: tuple[str, ...] = (),
) -> Diagnostic:
    location = Location("compose.yaml", line, column) if line else None
    return Diagnostic("C2F999", severity, message, path, location, hint, url, trail)


def text_of(*diagnostics: Diagnostic, source: str | None = SOURCE, color: bool = False) -> str:
    return render_text(diagnostics, lambda _file: source, color=color)


def test_a_finding_shows_place_source_line_caret_trail_hint_and_link() -> None:
    shown = text_of(
        finding(
            'unknown key "imge"',
            line=3,
            column=5,
            path=("services", "web", "imge"),
            hint="write `image`",
            url="https://docs.example/c2f999",
            trail=("included from main.yaml:2:3",),
        )
    )
    assert shown == (
        'error C2F999: unknown key "imge"\n'
        "  --> compose.yaml:3:5 (services.web.imge)\n"
        "    3 |     imge: nginx\n"
        "      |     ^^^^\n"
        "  included from main.yaml:2:3\n"
        "  hint: write `image`\n"
        "  see https://docs.example/c2f999\n"
        "\n"
        "1 error\n"
    )


def test_nothing_to_say_renders_as_nothing() -> None:
    assert text_of() == ""
    assert json.loads(render_json([], lambda _file: None)) == []


def test_a_finding_without_a_readable_file_shows_no_excerpt() -> None:
    shown = text_of(finding(line=3, column=5), source=None)
    assert "--> compose.yaml:3:5" in shown
    assert "|" not in shown


def test_a_place_beyond_the_end_of_the_file_is_named_without_an_excerpt() -> None:
    assert "|" not in text_of(finding(line=99))


def test_errors_come_first_and_notes_last() -> None:
    shown = text_of(
        finding("first", line=1),
        finding("second", severity=Severity.INFO, line=2),
        finding("third", severity=Severity.WARNING, line=3),
    )
    assert shown.index("first") < shown.index("third") < shown.index("second")
    assert shown.endswith("\n1 error, 1 warning, 1 note\n")


def test_findings_that_say_the_same_are_told_once_with_all_their_places() -> None:
    notes = [
        finding("restarts always", severity=Severity.INFO, line=n, path=("services", f"s{n}", "restart"))
        for n in (2, 3)
    ]
    shown = text_of(*notes)
    assert shown.count("restarts always") == 1
    assert "--> compose.yaml:2:1 (services.s2.restart)" in shown
    assert "--> compose.yaml:3:1 (services.s3.restart)" in shown
    assert shown.endswith("2 notes\n")


def test_a_long_list_of_places_is_cut_and_says_so() -> None:
    shown = text_of(*(finding("the same", severity=Severity.INFO, line=n) for n in range(1, 11)))
    assert shown.count("-->") == 7
    assert "and 4 more places" in shown


@pytest.mark.parametrize(
    ("line", "column", "expected"),
    [
        ("\tkey: 1", 2, ["    1 |  key: 1", "      |  ^^^"]),
        ('{a: "日本", bad: 1}', 11, ['    1 | {a: "日本", bad: 1}', "      |             ^^^"]),
        ("key:", 5, ["    1 | key:", "      |     ^"]),
        ('"a key": 1', 1, ['    1 | "a key": 1', "      | ^^^^^^^"]),
    ],
)
def test_the_caret_stands_under_the_key(line: str, column: int, expected: list[str]) -> None:
    assert text_of(finding(line=1, column=column), source=line).splitlines()[2:4] == expected


def test_a_very_long_line_is_cut_around_the_caret() -> None:
    shown = text_of(finding(line=1, column=5001), source="x " * 2500 + "here: 1 " + "y " * 2500)
    excerpt, caret = shown.splitlines()[2:4]
    assert len(excerpt) <= 110
    assert excerpt[caret.index("^") :].startswith("here")


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\u2028", "\x85"])
def test_lines_are_counted_as_yaml_counts_them(line_break: str) -> None:
    assert "wanted: 1" in text_of(finding(line=2), source=f"a:\x0b 1{line_break}wanted: 1{line_break}b: 2")


def test_control_characters_of_the_input_do_not_reach_the_terminal() -> None:
    shown = text_of(finding("named \x1b[2J\u202e", line=1), source="a\x1b[31m: 1")
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert r"named \x1b[2J\u202e" in shown


def test_colour_is_used_only_where_asked_for() -> None:
    assert "\x1b" not in text_of(finding(line=3))
    assert "\x1b[1;31merror C2F999\x1b[0m" in text_of(finding(line=3), color=True)


def test_json_lists_every_finding_with_every_key() -> None:
    found = finding("bad", severity=Severity.WARNING, line=3, column=5, path=("services", "web", "ports", 0))
    assert (
        json.loads(render_json([found, found], lambda _file: SOURCE))
        == [
            {
                "code": "C2F999",
                "severity": "warning",
                "message": "bad",
                "path": ["services", "web", "ports", 0],
                "location": {"file": "compose.yaml", "line": 3, "column": 5},
                "hint": "",
                "url": "",
                "trail": [],
            }
        ]
        * 2
    )


def test_json_of_a_finding_without_a_place_has_a_null_location() -> None:
    assert json.loads(render_json([finding()], lambda _file: None))[0]["location"] is None


def test_no_renderer_shows_the_value_of_a_credential() -> None:
    found = finding(line=5, column=20)
    for render in RENDERERS.values():
        assert "hunter2" not in render([found], lambda _file: SOURCE, color=False)
    shown = text_of(found).splitlines()
    assert shown[2] == "    5 |       DB_PASSWORD: ********"
    assert shown[3].index("^") == shown[2].index("*")


@pytest.mark.parametrize(
    "line",
    [
        "DB_PASSWORD: hunter2",
        "  - MYSQL_ROOT_PASSWORD=hunter2",
        '"apiKey": "hunter2", "other": 1',
        "export SECRET_KEY_BASE='hunter2'",
        "{A: 1, REDIS_PASS: hunter2, B: 2}",
        "SESSION_SECRET: ${UNSET:-hunter2}",
        "command: redis-server --requirepass hunter2",
        'command: ["redis-server", "--requirepass", "hunter2"]',
        "DATABASE_URL: postgres://app:hunter2@db:5432/app",
        "URL=amqp://:hunter2@mq",
        "URL=amqp://:${PW:-hunter2}@mq",
        "args: {X: '${DB_PASSWORD:-hunter2}'}",
        "ENV GITHUB_TOKEN=hunter2",
        "  hunter2hunter2hunter2hunter2hunter2hunter2hunter2",
        "SECRETS_FILE: ok, DB_PASSWORD: hunter2",
    ],
)
def test_values_that_look_like_credentials_are_masked(line: str) -> None:
    assert "hunter2" not in mask_line(line)
    assert "********" in mask_line(line)


@pytest.mark.parametrize(
    "line",
    [
        "image: nginx:1.27",
        "POSTGRES_PASSWORD: ${POSTGRES_PASSWORD}",
        "- TOKEN=$TOKEN",
        "POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?set it in .env}",
        "DATABASE_URL: postgresql://shop:${POSTGRES_PASSWORD:?set it in .env}@db:5432/shop",
        "DATABASE_URL: postgresql://shop:${PW}@db:5432/shop",
        "POSTGRES_PASSWORD_FILE: /run/secrets/db_password",
        "secrets: [db_password]",
        "- db_password",
        "DB_PASSWORD:",
        "monkey: banana",
        "image: app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "context: https://github.com/owner/repository.git#main",
    ],
)
def test_lines_without_a_credential_stay_as_they_are(line: str) -> None:
    assert mask_line(line) == line


def test_the_summary_counts_by_severity() -> None:
    assert severity_summary([finding(), finding(), finding(severity=Severity.INFO)]) == "2 errors, 1 note"


# -- one place, several services -------------------------------------------------------------------------------

ANCHORED = """\
x-env: &env
  API_TOKEN: sesame
services:
  a: {environment: *env}
  b: {environment: *env}
  web: {environment: *env}
"""


def anchored(service: str, **changes: object) -> Diagnostic:
    found = Diagnostic(
        "C2F230",
        Severity.WARNING,
        "API_TOKEN looks like a credential",
        ("services", service, "environment", "API_TOKEN"),
        Location("compose.yaml", 2, 3),
        f"write under {service}: x-fargate: {{secrets: {{API_TOKEN: /shop/{service}/API_TOKEN}}}}",
    )
    return found._replace(**changes)  # type: ignore[arg-type]


def test_what_an_anchor_means_for_several_services_is_told_once() -> None:
    found = [anchored(name) for name in ("a", "b", "web")]
    text = render_text(found, lambda _: ANCHORED)
    assert "(services.a.environment.API_TOKEN); likewise b and web\n" in text
    assert (text.count("C2F230"), text.count("-->")) == (1, 1)
    assert text.endswith("\n\n1 warning\n")


def test_programs_get_all_of_them() -> None:
    found = [anchored(name) for name in ("a", "b", "web")]
    listed = json.loads(render_json(found, lambda _: ANCHORED))
    assert [d["path"][1] for d in listed] == ["a", "b", "web"]
    assert [f"/shop/{d['path'][1]}/" in d["hint"] for d in listed] == [True] * 3


def test_a_line_is_annotated_once_with_all_its_services() -> None:
    found = [anchored(name) for name in ("a", "b", "web")]
    assert github_annotations(found).count("::warning") == 1
    assert "(likewise b, web)" in github_annotations(found)
    (result,) = json.loads(sarif_log(found))["runs"][0]["results"]
    assert "(likewise b, web)" in result["message"]["text"]


@pytest.mark.parametrize(
    "changes",
    [
        {"location": Location("compose.yaml", 3, 3)}, {"code": "C2F231"}, {"message": "API_TOKEN is long"}, {"hint": ""},
        {"path": ("services", "b", "environment", "OTHER")}, {"severity": Severity.INFO},
    ],
)  # fmt: skip
def test_what_differs_in_more_than_the_service_is_told_apart(changes: dict[str, object]) -> None:
    assert len(group_diagnostics([anchored("a"), anchored("b", **changes)])) == 2


def test_a_name_counts_as_a_word_only() -> None:
    one, other = (anchored(name, message=f"{name} is a-b of app", hint="") for name in ("a", "b"))
    assert [told.others for told in group_diagnostics([one, other])] == [("b",)]
