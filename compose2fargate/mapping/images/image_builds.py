"""Which images have to be built for the stack: the `build` sections, as values that can be carried out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from compose2fargate.aws.image_build import BuildSecret, ImageBuild
from compose2fargate.compose.model import Build, Project, Service
from compose2fargate.mapping.images.derived_images import derived_image
from compose2fargate.mapping.images.image_references import build_tag, own_repository, platform_of
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput


def image_builds(ctx: TranslationInput, findings: TranslationFindings) -> tuple[ImageBuild, ...]:
    """Give the images that are built here and pushed to a repository of the stack, derived ones after what they derive from."""
    return tuple(_builds(ctx, findings))


def _builds(ctx: TranslationInput, findings: TranslationFindings) -> Iterator[ImageBuild]:
    for service in ctx.project.services.values():
        repository = own_repository(ctx, service)
        if service.build and repository:
            made = _image_build(ctx, service, service.build, repository)
            _check_platforms(findings, made, service.build)
            yield made
        elif service.build and service.name not in ctx.settings.images:
            findings.info(
                "C2F451",
                ("services", service.name, "image"),
                f"{service.name} names a registry of its own, so `push` neither builds nor pushes {service.image}",
                hint=f"run docker compose build --push {service.name}, or use --registry URI for all images",
            )
        if ctx.plans[service.name].copied and service.name not in ctx.twins:
            yield derived_image(ctx, service)


def _image_build(ctx: TranslationInput, service: Service, build: Build, repository: str) -> ImageBuild:
    raw = build.raw
    return ImageBuild(
        service=service.name,
        repository=repository,
        tag=build_tag(ctx.settings, service),
        platform=platform_of(ctx, service),
        context=build.context,
        dockerfile=build.dockerfile,
        dockerfile_text=build.dockerfile_inline,
        target=build.target or "",
        args=build.args,
        labels={name: str(value) for name, value in (raw.get("labels") or {}).items()},
        secrets=tuple(_secrets(ctx.project, raw)),
        ssh=tuple(map(str, raw.get("ssh") or ())),
        cache_from=tuple(map(str, raw.get("cache_from") or ())),
        cache_to=tuple(map(str, raw.get("cache_to") or ())),
        additional_contexts=build.additional_contexts,
        network=raw.get("network") or "",
        extra_hosts=tuple(map(str, raw.get("extra_hosts") or ())),
        shm_size=int(raw.get("shm_size") or 0),
        ulimits={name: _limits(value) for name, value in (raw.get("ulimits") or {}).items()},
        no_cache=bool(raw.get("no_cache")),
        no_cache_filter=tuple(raw.get("no_cache_filter") or ()),
        pull=bool(raw.get("pull")),
        privileged=bool(raw.get("privileged")),
        entitlements=tuple(map(str, raw.get("entitlements") or ())),
        provenance=str(raw.get("provenance") or ""),
        sbom=str(raw.get("sbom") or ""),
        tags=tuple(map(str, raw.get("tags") or ())),
    )


def _check_platforms(findings: TranslationFindings, made: ImageBuild, build: Build) -> None:
    platforms = [str(platform) for platform in build.raw.get("platforms") or ()]
    if platforms and not any(
        platform == made.platform or platform.startswith(f"{made.platform}/") for platform in platforms
    ):
        findings.warn(
            "C2F448",
            ("services", made.service, "build", "platforms"),
            f"{made.service} runs on {made.platform}, which build.platforms does not list; it is built for that platform anyway",
            hint="platform: " + platforms[0] + " in the service chooses the platform of the task",
            url="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-arm64.html",
        )


def _secrets(project: Project, raw: Mapping[str, Any]) -> Iterator[BuildSecret]:
    for grant in raw.get("secrets") or ():
        source = project.secrets.get(str(grant.get("source") or ""))
        name = str(grant.get("target") or grant.get("source"))
        yield BuildSecret(name, source.file if source else None, source.environment if source else None)


def _limits(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{value.get('soft', 0)}:{value.get('hard', 0)}"
    return f"{value}:{value}"
