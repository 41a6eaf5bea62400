"""Capabilities, limits and kernel parameters of a container."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from compose2fargate.aws.fargate import (
    ADDABLE_CAPABILITIES,
    API,
    DEFAULT_CAPABILITIES,
    NOFILE_MAX,
    SYSCTL,
)
from compose2fargate.aws.resources import (
    ContainerUlimit,
    KernelCapabilities,
    LinuxParameters,
    SystemControl,
)
from compose2fargate.compose.dockerfile.image_config import ImageConfig
from compose2fargate.compose.model import Service
from compose2fargate.diagnostics import Path
from compose2fargate.mapping.images.image_catalogue import kernel_advice, known_image
from compose2fargate.mapping.translation_findings import TranslationFindings


def linux_parameters(
    findings: TranslationFindings, service: Service, tmpfs: tuple[object, ...]
) -> LinuxParameters | None:
    """Give the capabilities, tmpfs mounts and init process of a container."""
    capabilities = KernelCapabilities(add=tuple(_added(findings, service)), drop=_dropped(service))
    given = LinuxParameters(
        capabilities=capabilities if any(capabilities) else None,
        init_process_enabled=True if service.init else None,
        tmpfs=tmpfs,  # type: ignore[arg-type]  # typed by storage
    )
    return given if any(given) else None


def _dropped(service: Service) -> tuple[str, ...]:
    """What to drop. Fargate cannot add a default capability back, so `ALL` but for some is spelled out."""
    dropped = set(map(_capability, service.cap_drop))
    kept = set(map(_capability, service.cap_add)) & DEFAULT_CAPABILITIES
    if "ALL" in dropped and kept:
        dropped = (dropped | DEFAULT_CAPABILITIES) - kept - {"ALL"}
    return tuple(sorted(dropped))


def _capability(name: str) -> str:
    return name.upper().removeprefix("CAP_")


def _added(findings: TranslationFindings, service: Service) -> Iterator[str]:
    for index, text in enumerate(service.cap_add):
        name = _capability(text)
        path: Path = ("services", service.name, "cap_add", index)
        if name in ADDABLE_CAPABILITIES:
            yield name
        elif name in DEFAULT_CAPABILITIES:
            findings.info("C2F241", path, f"a container has the capability {name} by default")
        else:
            findings.refuse(
                "C2F242",
                path,
                f"Fargate cannot add the capability {name}; it can add SYS_PTRACE only",
                hint=f"remove it, or run without it: --allow C2F242, or leave the service out: --without {service.name}",
                url=f"{API}/API_KernelCapabilities.html",
            )


_LIMIT_ADVICE = {
    "memlock": "remove it, and disable what locks memory, for example bootstrap.memory_lock of Elasticsearch and OpenSearch: "
    "Fargate has no swap space to keep it out of",
}


def container_ulimits(findings: TranslationFindings, service: Service) -> Iterator[ContainerUlimit]:
    """Yield the limits that Fargate takes over; the others are reported."""
    for limit in service.ulimits:
        path: Path = ("services", service.name, "ulimits", limit.name)
        if limit.name != "nofile":
            findings.warn(
                "C2F243",
                path,
                f"ulimit {limit.name} has no effect on Fargate, which supports nofile only",
                hint=_LIMIT_ADVICE.get(limit.name, "remove it"),
                url=f"{API}/API_Ulimit.html",
            )
            continue
        soft, hard = (NOFILE_MAX if v < 0 else min(v, NOFILE_MAX) for v in (limit.soft, limit.hard))
        if (soft, hard) != (limit.soft, limit.hard):
            findings.warn(
                "C2F246",
                path,
                f"nofile is lowered to {soft}:{hard}, the most that Fargate allows",
                url=f"{API}/API_Ulimit.html",
            )
        yield ContainerUlimit("nofile", soft, hard)


def system_controls(
    images: Mapping[str, ImageConfig], findings: TranslationFindings, service: Service
) -> Iterator[SystemControl]:
    """Yield the kernel parameters of a container."""
    for name, value in sorted(service.sysctls.items()):
        if SYSCTL.fullmatch(name):
            yield SystemControl(name, value)
            continue
        advice = kernel_advice(known_image(service, images), name)
        findings.refuse(
            "C2F244",
            ("services", service.name, "sysctls", name),
            f"Fargate does not let a task set {name}",
            hint=f"{advice}; otherwise --allow C2F244" if advice else "accept this: --allow C2F244",
            url=f"{API}/API_SystemControl.html",
        )
