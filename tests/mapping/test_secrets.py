from __future__ import annotations

from pathlib import Path

import pytest

from compose2fargate.aws.resources import ManagedSecret, SecretParameter
from compose2fargate.aws.values import Ref
from compose2fargate.diagnostics import Severity
from compose2fargate.mapping.secrets import is_credential
from tests.mapping.conftest import Translate
from tests.mapping.test_tasks import codes, container, definition

ONE = "services: {web: {image: a, secrets: [key]%s}}\nsecrets: {key: %s}"


def written(made: object) -> list[object]:
    return [s.value_from for s in definition(made).container_definitions[-1].secrets]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("DB_PASSWORD", "x", True), ("API_KEY", "x", True), ("TOKEN", "x", True), ("SECRET_NAME", "x", False),
     ("PASSWORD_FILE", "/run/x", False), ("ALLOW_EMPTY_PASSWORD", "yes", False), ("DB_PASSWORD", "", False),
     ("DATABASE_URL", "postgres://u:p@db/x", True), ("DATABASE_URL", "postgres://db/x", False), ("MONKEY", "x", False)],
)  # fmt: skip
def test_which_variables_look_like_credentials(name: str, value: str, *, expected: bool) -> None:
    assert is_credential(name, value) is expected


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
