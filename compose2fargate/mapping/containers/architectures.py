"""The processor of a task: its containers share one."""

from __future__ import annotations

from collections.abc import Iterable

from compose2fargate.aws.fargate import API
from compose2fargate.compose.model import Service
from compose2fargate.mapping.containers.sizing import architecture_of, chosen_architecture
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.settings import Settings

PLATFORM_URL = f"{API}/API_RuntimePlatform.html"


def check_architecture(
    settings: Settings, findings: TranslationFindings, leader: Service, services: Iterable[Service]
) -> None:
    """Refuse containers that ask for another processor than their task has: they would end with "exec format error"."""
    architecture = architecture_of(settings, leader)
    for service in services:
        chosen = chosen_architecture(service)
        if chosen and chosen != architecture:
            key = "platform" if service.platform else "x-fargate"
            findings.refuse(
                "C2F526",
                ("services", service.name, key),
                f"{service.name} requests {chosen} but runs in the task of {leader.name}, which is {architecture}: the containers of a "
                "task share one architecture",
                hint=f"give both the same platform, for example under {service.name}: platform: {_PLATFORMS[architecture]}",
                url=PLATFORM_URL,
            )


_PLATFORMS = {"X86_64": "linux/amd64", "ARM64": "linux/arm64"}
