"""What a compose file has for development on one machine: addresses in builds, loops that wait, services for trials."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from compose2fargate.compose.model import Service
from compose2fargate.mapping.images.image_catalogue import known_image
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput, options_of
from compose2fargate.text.lazy_patterns import lazy_pattern

SCHEDULE_URL: Final = "https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html"
_LOCAL = lazy_pattern(
    r"(?i)(?<![\w.-])(?:localhost|127\.0\.0\.1|host\.docker\.internal)(?::\d{2,5})?(?![\w.-])"
)
_LOOP = lazy_pattern(
    r"\b(?:while|until)\s+(?:true|:|\[\s*1\s*\]|false)\s*;?\s*do\b.{0,1000}?\bsleep\s+(?P<number>\d{1,7})(?P<unit>[smhd]?)\b"
)
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_MAIL: Final = (
    "mail that is sent to it reaches nobody: give the others an SMTP server, such as that of Amazon SES"
)
_PRETENDS: Final = "it only pretends to be the real thing: give the others the address of that"


def report_development(ctx: TranslationInput, findings: TranslationFindings, service: Service) -> None:
    """Say what of a service is there for development, and what it needs in its place."""
    for name, value in _local_arguments(service):
        findings.warn(
            "C2F548",
            ("services", service.name, "build", "args", name),
            f"the build argument {name} of {service.name} names {value}: it is built into the image, and nothing answers there on Fargate",
            hint=f"build with the address that is meant there, such as {name}: https://www.example.com",
        )
    if wait := _waiting_loop(service):
        findings.info(
            "C2F549",
            ("services", service.name, "command"),
            f"{service.name} runs all the time to do something every {_spelled(wait)}",
            hint=f"under {service.name}, x-fargate: {{schedule: {_rate(wait)}}} and the command without its loop costs only while it works",
            url=SCHEDULE_URL,
        )
    image = known_image(service, ctx.images)
    if meaning := _MAIL if image.catches_mail else _PRETENDS if image.imitation else "":
        also = f" ({image.name})" if image.name != service.name else ""
        findings.warn(
            "C2F504",
            ("services", service.name, "image"),
            f"{service.name}{also} is for development; {meaning}",
            hint=f"leave it out: --without {service.name}",
        )


def _local_arguments(service: Service) -> Iterator[tuple[str, str]]:
    for name, value in service.build.args.items() if service.build else ():
        if found := _LOCAL.search(value or ""):
            yield name, found[0]


def _waiting_loop(service: Service) -> int:
    """Give for how long a loop of the command waits each time, in seconds; 0 where there is none, or one of less than a minute."""
    if options_of(service).get("schedule"):
        return 0
    text = " ".join((*(service.entrypoint or ()), *(service.command or ())))
    found = _LOOP.search(re.sub(r"\s+", " ", text)) if "sleep" in text else None
    seconds = int(found["number"]) * _SECONDS[found["unit"]] if found else 0
    return seconds if seconds >= 60 else 0


def _parts(seconds: int) -> tuple[int, str]:
    for unit, size in (("day", 86400), ("hour", 3600)):
        if seconds % size == 0:
            return seconds // size, unit
    return max(1, round(seconds / 60)), "minute"


def _spelled(seconds: int) -> str:
    number, unit = _parts(seconds)
    return unit if number == 1 else f"{number} {unit}s"


def _rate(seconds: int) -> str:
    number, unit = _parts(seconds)
    return f"rate({number} {unit}{'s' * (number != 1)})"
