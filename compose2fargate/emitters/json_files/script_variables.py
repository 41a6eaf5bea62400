"""The state of `commands.sh` while it is written: shell variables, and lines that every section uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from compose2fargate.aws.api_values import Ref, Resolve, Tag
from compose2fargate.aws.resources import (
    Existing,
    Resource,
    VpcNetwork,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.emitters.placeholders import Placeholders
from compose2fargate.records import NamedTuple
from compose2fargate.text.json_text import text_of_string
from compose2fargate.text.shell_text import ShellVariable, quote, word, words


class CommandsScript(NamedTuple):
    """What the lines of a resource need to know.

    Attributes:
        stack: The stack.
        resolve: What a Ref is in the files: a literal or a placeholder.
        texts: The files by name.
        variables: Logical id to the shell variable that holds its id or ARN.
        placeholders: The placeholders that stand in the files.
        words: What tells placeholders from the texts of the user.
        scheduled: The files of jobs that a schedule runs.
        by_type: The resources of each type, with their places in the stack's order.
        awaited: The jobs that something waits for.
    """

    stack: Stack
    resolve: Resolve
    texts: Mapping[str, str]
    variables: Mapping[str, str]
    placeholders: frozenset[str]
    words: Placeholders
    scheduled: frozenset[str]
    by_type: Mapping[type[Any], Sequence[tuple[int, str, Any]]]
    awaited: frozenset[str]

    def value(self, value: Any) -> str | ShellVariable:
        """Give a text, or the variable that holds what a link leads to."""
        if not isinstance(value, Ref):
            return str(value)
        resource = self.stack.get(value)
        if isinstance(resource, VpcNetwork):
            return resource.vpc_id or VPC
        name = self.variables.get(value.logical_id)
        return ShellVariable(name) if name else str(self.resolve(value))

    def word(self, value: Any) -> str:
        """Spell a text or a link as a word of the shell."""
        return word([self.value(value)])

    def subnets(self, value: Ref | Sequence[str]) -> str:
        """Spell subnets as words of the shell: those that the user gave, or those that the script looks up."""
        return words(given) if (given := self.given_subnets(value)) else "$subnets"

    def given_subnets(self, value: Ref | Sequence[str]) -> Sequence[str]:
        """Give the subnets that the user gave for the tasks or the load balancers."""
        if not isinstance(value, Ref):
            return value
        network = self.stack.get(value)
        if not isinstance(network, VpcNetwork):
            return ()
        own = network.load_balancer_subnet_ids if value.attribute == "load_balancer_subnet_ids" else ()
        return own or network.subnet_ids

    def keep(self, logical_id: str, attribute: str) -> list[str]:
        """Keep what was found or made in the resource's variable, and note it for the files that name it."""
        variable = self.variables[logical_id]
        return [
            f"{variable}=$found",
            *self.note(str(self.resolve(Ref(logical_id, attribute))), ShellVariable(variable).word),
        ]

    def note(self, placeholder: str, ids: str) -> list[str]:
        """Note the ids (words of the shell) that a placeholder stands for, if it stands in the files."""
        noted = spelled(placeholder)
        return [f"note {quote(noted)} {ids}"] if noted in self.placeholders else []

    def document(self, path: str) -> str:
        """Give the word that hands a file to the AWS CLI, filled in where it has placeholders."""
        filled = self.words.stand_in(self.texts[path])
        return f'"$(fill {quote(path)})"' if filled else quote(f"file://{path}")

    def input(self, path: str) -> str:
        """Give the option that hands a whole input over."""
        return f"--cli-input-json {self.document(path)}"


VPC = ShellVariable("vpc")


def spelled(text: str) -> str:
    """Give a text as it stands between the quotes of JSON."""
    return text_of_string(text)[1:-1]


Lines = Callable[[CommandsScript, str, Any], Sequence[str]]
Section = Callable[[CommandsScript], Sequence[str]]


def is_named(resource: Resource) -> bool:
    """Whether it is a load balancer that the user named: its ARN holds an id that only AWS knows."""
    return (
        isinstance(resource, Existing)
        and resource.kind == "LoadBalancer"
        and not resource.identifier.startswith("arn:")
    )


def name_filter(name: str, value: str | ShellVariable) -> dict[str, Any]:
    """Write a filter of EC2 by name."""
    return {"Name": name, "Values": [value]}


def tag_arguments(tags: Sequence[Tag]) -> list[dict[str, str]]:
    """Write tags as arguments."""
    return [{"Key": tag.key, "Value": tag.value} for tag in tags]
