"""What AWS is asked for: by `commands.sh`, with a stub of the AWS CLI, and by `apply`, with a fake AWS; in one form, the API's."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from botocore import xform_name
from botocore.model import ListShape, OperationModel, Shape, StructureShape
from botocore.session import get_session


class Call(NamedTuple):
    """A call that makes something or says more about it.

    Attributes:
        operation: As the API names it: `CreateService`.
        given: Its members, in the API's spelling. What was made before is named by its name in place of its id.
        made: The name under which others speak of what it made; "" of what nothing speaks of by an id.
        began, ended: Its place among the events of the run.
    """

    operation: str
    given: Mapping[str, Any]
    made: str = ""
    began: int = 0
    ended: int = 0


# -- commands.sh ---------------------------------------------------------------------------------------------

# Knows nothing, makes everything: what it makes goes by its name, a listener by that of its load balancer and its port.
_AWS = r"""#!/bin/sh
for word; do printf '%s\0' "$word"; done >>"{journal}"
printf '\1' >>"{journal}"
case "$2 $*" in
  describe-mount-targets*) ;;
  get-caller-identity*) echo 123456789012 ;;
  describe-images* | describe-vpcs* | describe-subnets* | get-operation* | *available*) echo found ;;
  describe-security-group-rules*) echo sgr-1 ;;
  describe-tasks*) echo 0 ;;
esac
case $2 in create-*) ;; *) exit 0 ;; esac
while [ $# -gt 0 ]; do
  case $1 in
    --name | --group-name | --creation-token | --client-token) name=$2 ;;
    --load-balancer-arn) balancer=$2 ;;
    --port) port=$2 ;;
  esac
  shift
done
echo "${{name:-$balancer:$port}}"
"""
_SAYS_NOTHING = ("describe-", "get-", "list-", "wait")


def of_script(script: Path, folder: Path) -> list[Call]:
    """Run `commands.sh` with an AWS CLI that only writes down how it is called."""
    journal = folder / "journal"
    journal.write_bytes(b"")
    (folder / "aws").write_text(_AWS.format(journal=journal), encoding="utf-8")
    (folder / "aws").chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "SECRETS": str(folder), "FOUND": ""}
    done = subprocess.run(["sh", str(script)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    records = [record.split("\0")[:-1] for record in journal.read_text("utf-8").split("\1")[:-1]]
    return [
        _call(number, words, script.parent)
        for number, words in enumerate(records)
        if not words[1].startswith(_SAYS_NOTHING)
    ]


def _call(number: int, words: list[str], folder: Path) -> Call:
    service, command, *rest = words
    model = _operation(service, command)
    options: dict[str, list[str]] = {}
    for word in rest:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            values = options[name] = [value] if equals else []
        else:
            values.append(word)
    given: dict[str, Any] = {}
    if "cli-input-json" in options:
        written = _content(options.pop("cli-input-json")[0], folder)
        # The file that held a password is gone by now.
        given = json.loads(written) if written[:1] == "{" else {}
    assert isinstance(model.input_shape, StructureShape)
    members = {xform_name(name, "-"): (name, shape) for name, shape in model.input_shape.members.items()}
    for option, values in options.items():
        if option in members:  # others are the CLI's own: what of the answer is printed, and how
            name, shape = members[option]
            given[name] = _value(values, shape, folder)
    known = next((str(given[member]) for member in _NAMES if given.get(member)), "")
    made = known or f"{given.get('LoadBalancerArn', '')}:{given.get('Port', '')}"
    return Call(model.name, given, str(made), number, number)


@cache
def _operation(service: str, command: str) -> OperationModel:
    model = get_session().get_service_model(service)
    (name,) = (name for name in model.operation_names if xform_name(name, "-") == command)
    return model.operation_model(name)


def _content(text: str, folder: Path) -> str:
    """Read the file that stands for a text; a secret's value is in none."""
    file = folder / text.removeprefix("file://")
    return file.read_text("utf-8") if text.startswith("file://") and file.is_file() else text


def _value(words: list[str], shape: Shape, folder: Path) -> Any:
    """Read the words of an option as the AWS CLI does."""
    if not words:
        return True
    text = _content(words[0], folder)
    if shape.type_name in ("structure", "list", "map"):
        if text[:1] in "[{":
            return json.loads(text)
        if isinstance(shape, ListShape) and "=" not in text:
            return words
        pairs = (part.split("=", 1) for part in text.split(","))
        return {name: int(value) if value.isdigit() else value for name, value in pairs}
    if shape.type_name in ("integer", "long"):
        return int(text)
    return float(text) if shape.type_name in ("double", "float") else text


# -- apply ---------------------------------------------------------------------------------------------------

_MAKES = re.compile(
    r"(Create|Put|Register|Modify|Authorize|Revoke|Attach|Run|Tag|Update)\w+(?<!SecurityGroupRuleDescriptions)"
)
_NAMES = ("GroupName", "Name", "CreationToken", "ClientToken")
_IDS = {
    "CreateSecurityGroup": "GroupId",
    "CreateFileSystem": "FileSystemId",
    "CreateAccessPoint": "AccessPointId",
    "CreateLoadBalancer": "LoadBalancerArn",
    "CreateTargetGroup": "TargetGroupArn",
    "CreateListener": "ListenerArn",
}
"""Under which name an answer has the id by which others speak of what was made."""


class Recorder:
    """Writes down what the clients of a session ask of AWS, and what that is called which it made."""

    def __init__(self, session: Any) -> None:
        """Listen; do it before clients are made."""
        self.calls: list[Call] = []
        self._events = 0
        session.events.register("before-parameter-build.*.*", self._begins)
        session.events.register("after-call.*.*", self._ended)

    def _begins(self, params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
        self._events += 1
        context["parity"] = self._events, {**params}

    def _ended(self, parsed: Any, context: dict[str, Any], model: OperationModel, **_: Any) -> None:
        self._events += 1
        status = parsed.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if _MAKES.fullmatch(model.name) and status < 300:
            began, given = context["parity"]
            self.calls.append(Call(model.name, given, _id(model.name, parsed), began, self._events))

    def named(self) -> list[Call]:
        """Give the calls, with names in the place of the ids that AWS gave."""
        names: dict[str, str] = {}
        for call in self.calls:
            if call.made:
                name = next((str(call.given[n]) for n in _NAMES if n in call.given), "")
                balancer = names.get(str(call.given.get("LoadBalancerArn")), "")
                names[call.made] = (
                    f"{balancer}:{call.given['Port']}" if call.operation == "CreateListener" else name
                )
        return [call._replace(given=_renamed(call.given, names)) for call in self.calls]


def _id(operation: str, parsed: Any) -> str:
    """Find the id at the top of an answer, or in the one thing that it lists."""
    listed = (
        one[0] for one in parsed.values() if isinstance(one, list) and one and isinstance(one[0], Mapping)
    )
    return next((str(one[_IDS[operation]]) for one in (parsed, *listed) if _IDS.get(operation) in one), "")


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _renamed(item, names) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value
