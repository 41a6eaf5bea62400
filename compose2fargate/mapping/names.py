"""Legal, stable, collision-free names in AWS for everything that has a name in compose.

A name that is legal already is kept. One that is not (compose allows dots, and any length) is made legal
and gets eight hexadecimal digits of the original's hash, so that `a.b` and `a-b` stay apart and neither
depends on what else is in the project.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256

from compose2fargate.text.lazy_patterns import lazy_pattern

_ILLEGAL = lazy_pattern(r"[^A-Za-z0-9_-]")
_DNS_NAME = lazy_pattern(r"[a-z0-9_][a-z0-9_.-]*")
_DIGITS = 8


def ecs_name(text: str, limit: int = 255) -> str:
    """Give a legal name of at most `limit` characters (letters, digits, `-`, `_`) for `text`.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
    """
    if len(text) <= limit and text and not _ILLEGAL.search(text):
        return text
    digits = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{_ILLEGAL.sub('-', text)[: limit - _DIGITS - 1]}-{digits}"


def port_name(text: str) -> str:
    """Give a legal port mapping name: at most 64 lower-case characters, not starting with a hyphen.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html
    """
    lowered = text.lower()
    name = ecs_name(lowered, 64)
    return name if not name.startswith("-") else f"p{name}"[:64]


def load_balancing_name(text: str) -> str:
    """Give a legal name of a load balancer or target group: at most 32 letters, digits and hyphens, none at an end.

    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
    """
    legal = re.sub(r"[^A-Za-z0-9-]", "-", text)
    if legal == text and len(text) <= 32 and text == text.strip("-") and not text.startswith("internal-"):
        return text
    digits = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    kept = legal.strip("-").removeprefix("internal-")[: 31 - _DIGITS].rstrip("-")
    return f"{kept}-{digits}" if kept else f"n-{digits}"


def dns_name(text: str) -> str:
    """Give the Service Connect DNS name of a compose service: lower case, dots kept, at most 127 characters.

    DNS does not tell upper from lower case, so clients that write `Db` still reach `db`. Source:
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceConnectClientAlias.html
    """
    lowered = text.lower()
    if not _DNS_NAME.fullmatch(lowered):
        lowered = re.sub(r"[^a-z0-9_.-]", "-", lowered).lstrip("-.") or "service"
    return lowered if len(lowered) <= 127 else f"{lowered[:118]}-{sha256(text.encode()).hexdigest()[:8]}"


def private_domain(stack: str) -> str:
    """Give the private DNS domain of a stack, in which each of its names stands."""
    return f"{dns_name(stack)}.internal"


_ECR_PART = lazy_pattern(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*")


def repository_part(text: str) -> str:
    """Give a legal part of an ECR repository's name: lower case, with single dots, and nothing but letters and digits at its ends.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
    """
    lowered = text.lower()
    return (
        lowered
        if _ECR_PART.fullmatch(lowered)
        else with_hash(re.sub(r"[^a-z0-9]+", "-", lowered).strip("-"), text)
    )


def with_hash(name: str, text: str, limit: int = 255) -> str:
    """Give a name with digits of the hash of the text that it stands for, by which it differs from others like it."""
    digits = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{name[: limit - _DIGITS - 1].rstrip('-')}-{digits}".lstrip("-")


def distinct_names(names: Iterable[str], limit: int = 255) -> Mapping[str, str]:
    """Give names that stay apart where case does not count: of those that differ in nothing else, the lowest keeps its own.

    "Names are not distinguished by case": https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html;
    "Names are case-insensitive": https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
    """
    result: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(names, key=lambda name: (name != name.lower(), name)):
        shown = with_hash(name, name, limit) if name.lower() in taken else name
        taken.add(shown.lower())
        result[name] = shown
    return result


def unique_ecs_names(names: Iterable[str]) -> Mapping[str, str]:
    """Give each compose name a legal ECS name that no other one has; legal names always keep theirs."""
    given = sorted(names)
    result = {name: name for name in given if ecs_name(name) == name}
    taken = set(result.values())
    for name in given:
        if name not in result:
            candidate, digits = ecs_name(name), _DIGITS
            while candidate in taken:  # someone named a service exactly like our hashed name
                digits += 1
                suffix = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
                candidate = f"{_ILLEGAL.sub('-', name)[: 254 - digits]}-{suffix}"
            taken.add(candidate)
            result[name] = candidate
    return result


def file_names(names: Mapping[str, str]) -> Mapping[str, str]:
    """Give each name a file name that stays apart on file systems that ignore case (macOS, Windows)."""
    result: dict[str, str] = {}
    taken: set[str] = set()
    for original, name in sorted(names.items(), key=lambda item: (item[1] != item[1].lower(), item[1])):
        shown = name[:200]
        if shown.lower() in taken or shown != name:
            shown = f"{shown}-{sha256(original.encode('utf-8', 'surrogatepass')).hexdigest()[:_DIGITS]}"
        taken.add(shown.lower())
        result[original] = shown
    return result
