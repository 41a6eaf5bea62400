"""What can never be right, refused where it is written: image references, and what AWS gives a form to.

The mapping, the scripts and the Dockerfiles do not rely on it: each carries any text as a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from compose2fargate.aws.regions import is_region, nearest_region
from compose2fargate.compose.model import Project, Service
from compose2fargate.diagnostics import Path
from compose2fargate.mapping import x_aws
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput, options_of
from compose2fargate.records import NamedTuple
from compose2fargate.settings import Settings
from compose2fargate.text.image_reference import GRAMMAR, URL, is_image_tag, is_reference, is_registry

ILLEGAL_IMAGE, ILLEGAL_VALUE, ELSEWHERE = "C2F516", "C2F517", "C2F196"
_ARN = r"arn:aws[a-z-]*:[a-z0-9-]*:[a-z0-9-]*:[0-9]*(?:aws)?:[A-Za-z0-9_+=,.@:/*-]+"
_ELB = r"arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}"
_ROLE = r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+|[A-Za-z0-9_+=,.@-]{1,64}"


class Form(NamedTuple):
    """The form of a value: a pattern, and how a user knows it."""

    pattern: str
    shown: str


FORMS: Mapping[str, Form] = {
    "account": Form(r"[0-9]{12}", "the twelve digits of an account"),
    "subnets": Form(r"subnet-[0-9a-f]+", "the id of a subnet, such as subnet-0a1b2c3d4e5f60718"),
    "load_balancer_subnets": Form(r"subnet-[0-9a-f]+", "the id of a subnet, such as subnet-0a1b2c3d4e5f60718"),
    "security_groups": Form(r"sg-[0-9a-f]+", "the id of a security group, such as sg-0a1b2c3d4e5f60718"),
    "load_balancer_security_group": Form(r"sg-[0-9a-f]+", "the id of a security group, such as sg-0a1b2c3d4e5f60718"),
    "networks": Form(r"sg-[0-9a-f]+", "the id of a security group, such as sg-0a1b2c3d4e5f60718"),
    "vpc": Form(r"vpc-[0-9a-f]+", "the id of a VPC, such as vpc-0a1b2c3d4e5f60718"),
    "file_system": Form(r"fs-[0-9a-f]+", "the id of a file system, such as fs-0a1b2c3d4e5f60718"),
    "volumes": Form(r"fs-[0-9a-f]+(?:/fsap-[0-9a-f]+)?", "a file system with or without its access point, fs-…/fsap-…"),
    "execution_role": Form(_ROLE, "the name or the ARN of a role"),
    "task_role": Form(_ROLE, "the name or the ARN of a role"),
    "scheduler_role": Form(_ROLE, "the name or the ARN of a role"),
    "infrastructure_role": Form(_ROLE, "the name or the ARN of a role"),
    "listener": Form(
        rf"{_ELB}:listener/app/[A-Za-z0-9-]+/[0-9a-f]+/[0-9a-f]+",
        "the ARN of a listener: arn:aws:elasticloadbalancing:REGION:ACCOUNT:listener/app/NAME/ID/ID",
    ),
    "load_balancer": Form(
        rf"none|{_ELB}:loadbalancer/app/[A-Za-z0-9-]+/[0-9a-f]+",
        "none, or the ARN of a load balancer: arn:aws:elasticloadbalancing:REGION:ACCOUNT:loadbalancer/app/NAME/ID",
    ),
    "certificate": Form(
        r"arn:aws[a-z-]*:(?:acm:[a-z0-9-]+:[0-9]{12}:certificate|iam::[0-9]{12}:server-certificate)/[A-Za-z0-9_+=,.@/-]+",
        "the ARN of a certificate: arn:aws:acm:REGION:ACCOUNT:certificate/ID",
    ),
    "platform_version": Form(r"LATEST|[0-9]+(?:\.[0-9]+)+", "a platform version such as 1.4.0"),
    "policy": Form(rf"{_ARN}|[A-Za-z0-9_+=,.@/-]{{1,128}}", "the ARN or the name of a managed policy"),
    "cidr": Form(r"[0-9a-fA-F.:]+/[0-9]{1,3}", "a range of addresses such as 203.0.113.0/24"),
    "host": Form(r"[A-Za-z0-9*?._-]{1,128}", "a name of a host: letters, digits, - and ., with * and ? as wildcards"),
    "path": Form(r"[A-Za-z0-9_.$/~\"'@:+*?&=%-]{1,128}", "a path of at most 128 letters, digits and _-.$/~\"'@:+&, * and ? for others"),
    "file": Form(r"[^\x00-\x1f\x7f]*", "a path: it holds a line break or another control character"),
    "owner": Form(r"[A-Za-z0-9_.-]+", "the number or the name of an owner"),
    "mode": Form(r"[0-7]{1,5}", "permissions such as 0444"),
}  # fmt: skip
"""Values by the name of their setting or key. Sources: the reference of each API, and
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html."""


def check_grammar(ctx: TranslationInput, findings: TranslationFindings) -> None:
    """Refuse every image reference and every value of AWS that cannot be right."""
    for path, what, image in _images(ctx):
        if image and not is_reference(image):
            findings.refuse(
                ILLEGAL_IMAGE, path, f"{what} is not an image reference: {image!r}", hint=GRAMMAR, url=URL
            )
    settings = ctx.settings
    if settings.registry and not is_registry(settings.registry.rstrip("/")):
        _refuse(
            findings,
            ("x-fargate", "registry"),
            "registry",
            settings.registry,
            "a registry such as ghcr.io/team",
        )
    if settings.tag and not is_image_tag(settings.tag):
        _refuse(
            findings,
            ("x-fargate", "tag"),
            "tag",
            settings.tag,
            "a tag: letters, digits, _, . and -, at most 128",
        )
    if settings.region and not is_region(settings.region):
        _refuse_region(ctx.project, findings, settings.region)
    for path, form, value in _values(ctx):
        if not re.fullmatch(FORMS[form].pattern, value):
            _refuse(findings, path, _named(path), value, FORMS[form].shown)
        elif form in _IN_ONE_REGION:
            _check_place(settings, findings, path, value)


_IN_ONE_REGION = frozenset({"load_balancer", "listener", "certificate"})


def _refuse_region(project: Project, findings: TranslationFindings, region: str) -> None:
    near = nearest_region(region)
    says = f"; did you mean {near}?" if near else ", such as eu-central-1"
    hint = f"--region {near or 'REGION'}; a region that is new: --allow {ILLEGAL_VALUE}"
    place = ("x-fargate", "region") if "region" in (project.extensions.get("x-fargate") or {}) else ()
    findings.refuse(ILLEGAL_VALUE, place, f"region: {region!r} is not a region of AWS{says}", hint=hint)


def _check_place(settings: Settings, findings: TranslationFindings, path: Path, arn: str) -> None:
    """Refuse what the stack is to use and cannot, since it is in another region or account."""
    _, _, _, region, account, *_ = (*arn.split(":"), *[""] * 5)
    for what, there, here in (
        ("region", region, settings.region),
        ("account", account, settings.account),
    ):
        if there and here and there != here:
            says = f"{_named(path)}: it is in the {what} {there}, and the stack is for {here}"
            hint = f"--{what} {there}, or one that is in {here}"
            findings.refuse(ELSEWHERE, path, says, hint=hint)


def _named(path: Path) -> str:
    """What a user knows a value by: the setting, or the key of a service."""
    if path[0] == "x-fargate":
        return str(path[1])
    return next(str(part) for part in reversed(path) if isinstance(part, str))


def _refuse(findings: TranslationFindings, path: Path, name: str, value: str, shown: str) -> None:
    findings.refuse(
        ILLEGAL_VALUE, path, f"{name}: {value!r} is not {shown}", hint=f"write {shown}, or leave it out"
    )


def _images(ctx: TranslationInput) -> Iterator[tuple[Path, str, str]]:
    for name, service in ctx.project.services.items():
        if not service.build:
            yield ("services", name, "image"), f"the image of {name}", service.image or ""
        elif service.image:
            yield ("services", name, "image"), f"the image of {name}", service.image.lower()
        for number, tag in enumerate(service.build.raw.get("tags") or () if service.build else ()):
            yield ("services", name, "build", "tags", number), f"a tag of the image of {name}", str(tag)
        for number, mount in enumerate(service.mounts):
            if mount.type == "image":
                yield ("services", name, "volumes", number), "the source of a mount", mount.source or ""
    for name, image in ctx.settings.images.items():
        yield (), f"--image {name}", image
    yield ("x-fargate", "init_image"), "init_image", ctx.settings.init_image
    yield ("x-fargate", "log_router_image"), "log_router_image", ctx.settings.log_router_image


def _values(ctx: TranslationInput) -> Iterator[tuple[Path, str, str]]:
    """Yield path, form and value of everything that has one."""
    for name in FORMS:
        value = getattr(ctx.settings, name, "")
        place = _place_of(ctx.project, name)
        for key, one in _each(value):
            if one:
                yield (*place, *key), name, one
    for name, service in ctx.project.services.items():
        yield from _of_service(("services", name), service)
        yield from _of_files(("services", name), service)


def _place_of(project: Project, setting: str) -> Path:
    """Give the key that a setting was written under, which may be one of Docker's integration."""
    extensions = project.extensions
    other = x_aws.key_of(setting)
    if other in extensions and setting not in (extensions.get("x-fargate") or {}):
        return (other,)
    return ("x-fargate", setting)


def _of_files(path: Path, service: Service) -> Iterator[tuple[Path, str, str]]:
    """What becomes a path, an owner or permissions in a Dockerfile or in a script."""
    for number, mount in enumerate(service.mounts):
        for part in (mount.source, mount.target):
            yield (*path, "volumes", number), "file", part or ""
    for section, grants in (("configs", service.configs), ("secrets", service.secrets)):
        for number, grant in enumerate(grants):
            place = (*path, section, number)
            for form, value in (
                ("owner", grant.uid),
                ("owner", grant.gid),
                ("mode", grant.mode),
                ("file", grant.target),
            ):
                if value:
                    yield place, form, value


def _of_service(path: Path, service: Service) -> Iterator[tuple[Path, str, str]]:
    own = options_of(service)
    if not own and not service.extensions:
        return
    for key, form in (("task_role", "task_role"), ("managed_policies", "policy")):
        for place, one in _each(own.get(key)):
            yield (*path, "x-fargate", key, *place), form, one
    for place, one in _each(service.extensions.get("x-aws-policies")):
        yield (*path, "x-aws-policies", *place), "policy", one
    ingress = own.get("ingress")
    for number, entry in enumerate(ingress if isinstance(ingress, list) else ()):
        if isinstance(entry, Mapping):
            for key, form in (
                ("from", "cidr"),
                ("host", "host"),
                ("path", "path"),
                ("certificate", "certificate"),
            ):
                for place, one in _each(entry.get(key)):
                    yield (*path, "x-fargate", "ingress", number, key, *place), form, one


def _each(value: Any) -> Iterator[tuple[Path, str]]:
    """Yield the texts of a value, with where in it they stand."""
    if isinstance(value, str):
        yield (), value
    elif isinstance(value, Mapping):
        yield from ((((str(key),)), one) for key, one in value.items() if isinstance(one, str))
    elif isinstance(value, list | tuple):
        yield from (((number,), one) for number, one in enumerate(value) if isinstance(one, str))
