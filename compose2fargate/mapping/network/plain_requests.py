"""Whether a plain request of a load balancer is answered as the container's own health check is.

A load balancer sends `GET` with the task's address as Host, no login, no header and no body:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
What asks for more answers it with 400, 401, 403 or 405, and ECS would replace the task for ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from compose2fargate.compose.dockerfile.image_config import ImageConfig
from compose2fargate.compose.model import Service
from compose2fargate.diagnostics import Path
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern

STRICT_CODES = "200-399"
OPEN_CODES = "200-499"
"""The most that an application load balancer takes for healthy."""
HEALTH_CHECK_URL = (
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html"
)

_CLIENT = lazy_pattern(r"(?:^|[\s/;&|\"'(`])(curl|wget)\s(.*?)(?=\|\||&&|;|\||$)(.*)", re.DOTALL)
_LOGIN = lazy_pattern(
    r"(?:^|\s)(?:--user|--proxy-user|--http-user|--basic|--digest|--negotiate|--oauth2-bearer|--netrc)\b"
    r"|://[^/\s]+@"
)
_CURL_LOGIN = lazy_pattern(r"(?:^|\s)-[a-zA-Z]{0,20}u(?:\s|[\"']?[\w$]{1,100}:)")
_HEADER = lazy_pattern(r"(?:^|\s)(?:-[a-zA-Z]{0,20}H|--header)[ =]?[\"']?([A-Za-z][A-Za-z0-9-]{0,100})\s*:")
_METHOD = lazy_pattern(r"(?:^|\s)(?:-[a-zA-Z]{0,20}X|--request|--method)[ =]?[\"']?([A-Za-z]+)")
_BODY = lazy_pattern(
    r"(?:^|\s)(?:-d|-F|-T|--data[\w-]*|--json|--form|--upload-file|--post-(?:data|file)|--body-(?:data|file))\b"
)
_AS_QUERY = lazy_pattern(r"(?:^|\s)(?:-G|--get)\b")
_FAILS = lazy_pattern(
    r"(?:^|\s)(?:-[a-zA-Z]{0,20}f[a-zA-Z]{0,20}(?=\s|$)|--fail\b|--fail-\w+|-w\b|--write-out\b|-[a-zA-Z]{0,20}w\s)"
)
_READS_CODE = lazy_pattern(r"http_code|response_code")
_WANTED_CODE = lazy_pattern(r"""(?:\bgrep\b[^|;&\d]{0,40}|==?\s*["']?|-eq\s+["']?)(4\d\d)\b""")
"""A status that the check compares with: `… -w '%{http_code}' … | grep 401`."""
_CODE_HEADER = lazy_pattern(
    r"[\"']?\b(Authorization|Host|Cookie|X-[A-Za-z-]{1,100})\b[\"']?\s*[:,=]", re.IGNORECASE
)
_CODE_METHOD = lazy_pattern(r"method\s*[:=]\s*[\"'](POST|PUT|PATCH|DELETE|OPTIONS)", re.IGNORECASE)
_PLAIN_HEADERS = frozenset({"user-agent", "content-type", "connection", "cache-control", "pragma"})
_INTERPRETER = lazy_pattern(r"(?:^|[\s/])(?:python[\d.]*|node|ruby|php|deno|bun)\s")


class HostRule(NamedTuple):
    """A variable that says which host names a service answers, and where it stands."""

    name: str
    value: str
    path: Path


def _probe_difference(images: Mapping[str, ImageConfig], service: Service) -> str:
    """Say what the service's health check does that a plain GET does not; "" where nothing tells."""
    check, built = service.healthcheck, images.get(service.name)
    of_image = built.healthcheck.test if built and built.healthcheck else ()
    test = check.test if check and check.test else of_image
    text = " ".join(test[1:])
    found = _CLIENT.search(text)
    if found is None:
        return _code_difference(text) if _INTERPRETER.search(f" {text}") else ""
    client, arguments, rest = found.groups()
    if wanted := _WANTED_CODE.search(f"{arguments}{rest}"):
        return f"takes {wanted[1]} for healthy"
    return _client_difference(client, f" {arguments}") or _forgives(client, f" {arguments}", rest)


def _client_difference(client: str, arguments: str) -> str:
    if _LOGIN.search(arguments) or (client == "curl" and _CURL_LOGIN.search(arguments)):
        return "sends a login"
    for header in _HEADER.findall(arguments):
        if header.lower() not in _PLAIN_HEADERS and not header.lower().startswith("accept"):
            return f"sends the header {header}"
    method = next(iter(_METHOD.findall(arguments)), "").upper()
    if method not in ("", "GET", "HEAD"):
        return f"sends {method}"
    return "sends a body" if _BODY.search(arguments) and not _AS_QUERY.search(arguments) else ""


def _forgives(client: str, arguments: str, rest: str) -> str:
    """Whether curl takes each answer for success: without -f, and with nothing that reads what it prints."""
    reads = rest.startswith("|") and not rest.startswith("||")
    if client != "curl" or reads or _FAILS.search(arguments) or _READS_CODE.search(arguments):
        return ""
    return "takes every answer, since curl has no -f"


def _code_difference(text: str) -> str:
    """What a program of a line or two sends with its request."""
    header, method = _CODE_HEADER.search(text), _CODE_METHOD.search(text)
    if header:
        return f"sends the header {header[1]}"
    return f"sends {method[1].upper()}" if method else ""


# -- host names ------------------------------------------------------------------------------------------------

_HOSTS = lazy_pattern(r"(?:\w+_)?(?:ALLOWED|TRUSTED)_HOSTS|NEXTCLOUD_TRUSTED_DOMAINS|RAILS_DEVELOPMENT_HOSTS")
_OTHER_HOSTS = lazy_pattern(
    r"CORS|CSRF|SMTP|MAIL|WEBHOOK|REDIRECT|IMAGE|SSRF|PROXY|FORWARD|FETCH|OUTBOUND|FRAME|EMBED|DB|DATABASE|MYSQL|POSTGRES"
)
"""Lists of hosts for something else than incoming requests."""
_ANY = lazy_pattern(r"(?:^|[\s,;\"'\[])\*|\.\*|\.amazonaws\.com|^(?:all|any)$", re.IGNORECASE)


def _host_rule(images: Mapping[str, ImageConfig], service: Service) -> HostRule | None:
    """Give the variable by which a service refuses requests with another Host; None where none is known."""
    built = images.get(service.name)
    for name, value, path in (*_own(service), *_of_dockerfile(service, dict(built.env) if built else {})):
        listed = value.strip(" \t\r\n[]\"'")
        if _HOSTS.fullmatch(name) and not _OTHER_HOSTS.search(name) and listed and not _ANY.search(listed):
            return HostRule(name, value, path)
    return None


def _own(service: Service) -> Iterator[tuple[str, str, Path]]:
    for name, value in service.environment.items():
        yield name, str(value or ""), ("services", service.name, "environment", name)


def _of_dockerfile(service: Service, env: dict[str, str]) -> Iterator[tuple[str, str, Path]]:
    for name, value in env.items():
        if name not in service.environment:
            yield name, value, ("services", service.name, "build")


def healthy_codes(
    images: Mapping[str, ImageConfig],
    findings: TranslationFindings,
    service: Service,
    port: int,
    path: str,
    *,
    chosen: bool,
) -> str:
    """Give the status codes of a healthy task, and say where a plain GET is not answered as the health check is.

    Args:
        images: What the Dockerfiles of services built here say.
        findings: Where it is said.
        service: The service behind the load balancer.
        port: Its port.
        path: What is asked; "" where nothing tells which path answers with success.
        chosen: Whether the user chose the path for the load balancer.
    """
    rule, difference = _host_rule(images, service), "" if chosen else _probe_difference(images, service)
    if rule:
        _report_host_rule(findings, rule)
    elif path and difference:
        findings.info(
            "C2F530",
            ("services", service.name, "healthcheck" if service.healthcheck else "build"),
            f"the load balancer treats answers from {OPEN_CODES} at {path} as healthy: the health check of {service.name} "
            f"{difference}, and a load balancer sends a plain GET",
            hint="name a path that answers a plain GET with success: "
            f"x-fargate: {{ingress: [{{port: {port}, health_path: /…}}]}}",
            url=HEALTH_CHECK_URL,
        )
    # Where nothing tells a path that answers with success, any answer but an error of the server's own is healthy.
    return OPEN_CODES if rule or difference or not path else STRICT_CODES


def _report_host_rule(findings: TranslationFindings, rule: HostRule) -> None:
    findings.warn(
        "C2F535",
        rule.path,
        f"{rule.name} lists neither the task's address, which a load balancer sends as Host, nor the load balancer's own name: "
        f"such requests are refused, so the load balancer's health check treats answers from {OPEN_CODES} as healthy",
        hint=f"add the host names that users call to {rule.name}, and .amazonaws.com for the load balancer's own; "
        "'*' is enough where only the load balancer reaches the tasks",
        url=HEALTH_CHECK_URL,
    )
