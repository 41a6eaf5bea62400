"""Whether an image has the programs that its health check runs.

Docker only marks a container whose check fails, for want of curl for example. ECS replaces its task, again and again.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from compose2fargate.aws.fargate import HEALTH_CHECK_URL
from compose2fargate.compose.model import Service
from compose2fargate.diagnostics import Path
from compose2fargate.mapping.images.image_catalogue import kind_of, reference_of
from compose2fargate.mapping.images.image_contents import lacks_program
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput
from compose2fargate.text.lazy_patterns import lazy_pattern

CLIENTS = ("curl", "wget")
_SHELLS = frozenset({"sh", "ash", "bash", "dash"})
_URL = lazy_pattern(r"https?://[^\s\"'`|;&)<>\\\\]+")
_DEFAULT_URL = "http://localhost:PORT/"

_BY_KIND = {
    "Python application": "[CMD, python3, -c, \"import urllib.request as u; u.urlopen('{url}')\"]",
    "Node application": "[CMD, node, -e, \"fetch('{url}').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))\"]",
    "Ruby application": "[CMD, ruby, -rnet/http, -e, \"exit Net::HTTP.get_response(URI('{url}')).code.to_i < 400\"]",
    "PHP application": "[CMD, php, -r, \"exit(@file_get_contents('{url}') === false ? 1 : 0);\"]",
}
"""What asks a URL where an image has an interpreter, by the kind of the service."""


def check_health_programs(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, path: Path, test: Sequence[str]
) -> None:
    """Refuse a check whose program the image is known to lack, and say which one it can run."""
    missing = _missing_program(ctx, service, test)
    if not missing:
        return
    image = reference_of(service, ctx.images) or "scratch"
    shown = "shell" if missing == "sh" else missing
    findings.refuse(
        "C2F533",
        path,
        f"the health check of {service.name} runs {'a shell' if missing == 'sh' else missing}, and {image} has no {shown}: "
        "the check fails, and ECS keeps replacing the task",
        hint=f"{_replacement(ctx, service, test, missing)}; or accept this: --allow C2F533",
        url=HEALTH_CHECK_URL,
    )


def _missing_program(ctx: TranslationInput, service: Service, test: Sequence[str]) -> str:
    """The first program that the check cannot do without and the image lacks; "" where there is none."""
    kind, *words = test
    if not words:
        return ""
    program = posixpath.basename(words[0])
    if kind == "CMD-SHELL" or program in _SHELLS:
        if lacks_program(ctx, service, "sh"):
            return "sh"
        asked = _clients_of(" ".join(words))
    else:
        asked = [program] if program in CLIENTS else []
    lacking = [client for client in asked if lacks_program(ctx, service, client)]
    # One of several may be there for want of the other: `curl … || wget …`.
    return lacking[0] if lacking and len(lacking) == len(asked) else ""


def _clients_of(script: str) -> list[str]:
    """The clients that a shell line runs, without those it only looks for."""
    return [
        client
        for client in CLIENTS
        if re.search(
            rf"(?:^|[;&|({{`!]\s*|\b(?:exec|if|then|do|else|timeout \S+|-\w*c)\s+[\"']?)(?:/\S*/)?{client}\s",
            script,
        )
    ]


def _replacement(ctx: TranslationInput, service: Service, test: Sequence[str], missing: str) -> str:
    """Say what checks the same with what the image has."""
    found = _URL.search(" ".join(test))
    url = found[0] if found else _DEFAULT_URL
    if missing == "sh":
        return (
            "write test: [CMD, …] with a program that the image has, or healthcheck: {disable: true}; "
            "a load balancer checks the ports that it opens itself"
        )
    own = _BY_KIND.get(kind_of(reference_of(service, ctx.images)).name, "")
    other = next(
        (client for client in CLIENTS if client != missing and not lacks_program(ctx, service, client)), ""
    )
    if own:
        return f"write test: {own.format(url=url)}"
    if other == "wget":
        return f"write test: [CMD, wget, -q, -O, /dev/null, '{url}']"
    if other == "curl":
        return f"write test: [CMD, curl, -fsS, '{url}']"
    return f"install {missing} in the image, or check with a program that it has"
