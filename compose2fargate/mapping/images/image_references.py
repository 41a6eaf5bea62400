"""Where the image of a service is: as the file says, as the user says, or the repository it is pushed to."""

from __future__ import annotations

from collections.abc import Mapping

from compose2fargate.aws.api_values import BuiltImage, Ref
from compose2fargate.aws.image_build import PushedImage
from compose2fargate.compose.model import Project, Service
from compose2fargate.mapping.containers.sizing import architecture_of
from compose2fargate.mapping.names import distinct_names, repository_part, with_hash
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput
from compose2fargate.settings import Settings
from compose2fargate.text.lazy_patterns import lazy_pattern

DEFAULT_TAG = "latest"
MIN_REPOSITORY = 2
"""Characters: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html"""


def image_of(ctx: TranslationInput, findings: TranslationFindings, service: Service) -> str | BuiltImage:
    """Give the image: the user's choice, the one in the file, or the repository of the stack that it is pushed to."""
    hook = ctx.hooks.get(service.name)
    if hook and hook.inherits_image:
        return image_of(ctx, findings, ctx.project.services[hook.owner])
    chosen = ctx.settings.images.get(service.name)
    if chosen:
        return chosen
    if twin := ctx.twins.get(service.name):
        return _same_image(ctx, findings, service, ctx.project.services[twin])
    if repository := repository_name(ctx, service):
        return _own_image(ctx, findings, service, repository)
    if builder := ctx.builders.get(service.name):
        return _anothers_image(ctx, findings, service, ctx.project.services[builder])
    _check_registry(ctx.project, findings, service)
    return service.image or ""


def _check_registry(project: Project, findings: TranslationFindings, service: Service) -> None:
    """Refuse an image in a registry of this machine or of the project, from which a task cannot pull."""
    image = service.image or ""
    host = _host(image).rpartition(":")[0] or _host(image)
    if _is_local(image) or (_names_a_registry(image) and _is_inside(host, project)):
        findings.refuse(
            "C2F534",
            ("services", service.name, "image"),
            f"{image} is in a registry {_where(host, project)}, from which no task can pull",
            hint=f"give {service.name} a build: section, which compose2fargate push builds for ECR; "
            f"or push the image to a registry that AWS can reach, and name it: --image {service.name}=URI",
            url="https://docs.aws.amazon.com/AmazonECR/latest/userguide/docker-push-ecr-image.html",
        )


def _is_inside(host: str, project: Project) -> bool:
    """Whether a host is a name that nobody else's DNS has."""
    return "." not in host.strip(".") or host.endswith(_LOCAL_DOMAINS) or host in project.services


_LOCAL_DOMAINS = (".local", ".lan", ".localdomain", ".home.arpa")
"""Names that the machines of one local network have for each other: RFC 6762, RFC 8375."""


def _where(host: str, project: Project) -> str:
    if host in project.services:
        return "of the project"
    return "of your local network" if host and not _LOCAL.fullmatch(host) else "on this machine"


def find_builders(project: Project) -> Mapping[str, str]:
    """Give the services that run an image which another one builds, and that one: Docker Compose has it by then."""
    built = {
        _reference(service.image): name
        for name, service in sorted(project.services.items(), reverse=True)
        if service.build and service.image
    }
    return {
        name: built[reference]
        for name, service in project.services.items()
        if not service.build and (reference := _reference(service.image or "")) in built
    }


def find_unnamed(project: Project) -> frozenset[str]:
    """Give the services that are built here and name no image, as their repositories spell them."""
    return frozenset(s.name.lower() for s in project.services.values() if s.build and not s.image)


def find_owners(ctx: TranslationInput) -> Mapping[str, str]:
    """Give each repository of `build` sections the one service that it is counted for: several may share it."""
    names = sorted(ctx.project.services, reverse=True)
    return {
        repository: name for name in names if (repository := own_repository(ctx, ctx.project.services[name]))
    }


def _reference(image: str) -> str:
    return image if _tag(image) or "@" in image or not image else f"{image}:{DEFAULT_TAG}"


def _own_image(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, repository: str
) -> str | BuiltImage:
    pushed = _pushed(ctx, findings, service, _key(ctx, service), repository)
    tag = image_tag(ctx, service)
    if pushed is None:
        built = "is built here" if service.build else "has files of the project copied into its image"
        findings.info(
            "C2F231",
            ("services", service.name, "build" if service.build else "image"),
            f"{service.name} {built} and runs as {_registry_uri(ctx)}/{repository}:{tag}, which must be pushed before it can start",
            hint="run compose2fargate push, which pins its digest; choose the address with --registry URI and --tag TAG, or "
            f"the whole image with --image {service.name}=URI",
            url="https://docs.aws.amazon.com/AmazonECR/latest/userguide/docker-push-ecr-image.html",
        )
    return _address(ctx, service, repository, tag, pushed)


def _same_image(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, twin: Service
) -> str | BuiltImage:
    """Give the image with files that `twin` runs, since `service` mounts the same ones into the same image."""
    repository, tag = repository_name(ctx, twin), image_tag(ctx, twin)
    pushed = _pushed(ctx, findings, twin, _key(ctx, twin), repository)
    findings.info(
        "C2F231",
        ("services", service.name, "image"),
        f"{service.name} runs the image of {twin.name}, into which the same files are copied",
    )
    return _address(ctx, twin, repository, pushed.tag if pushed else tag, pushed)


def _anothers_image(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, builder: Service
) -> str | BuiltImage:
    """Give the image that `builder` builds, without the files that are copied into its own."""
    repository = own_repository(ctx, builder)
    if not repository:
        return ctx.settings.images.get(builder.name) or service.image or ""
    pushed = _pushed(ctx, findings, builder, builder.name, repository)
    tag = build_tag(ctx.settings, builder) or DEFAULT_TAG
    findings.info(
        "C2F231",
        ("services", service.name, "image"),
        f"{service.name} runs the image that {builder.name} builds, {_registry_uri(ctx)}/{repository}:{pushed.tag if pushed else tag}",
        hint=f"use --image {service.name}=URI to run another one",
    )
    runs_on, built_for = platform_of(ctx, service), platform_of(ctx, builder)
    if runs_on != built_for:
        findings.warn(
            "C2F448",
            ("services", service.name, "image"),
            f"{service.name} runs on {runs_on}, and {builder.name} builds the image for {built_for}",
            hint=f"use the same platform for both, or write build: under {service.name} with another image name",
            url="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-arm64.html",
        )
    return _address(ctx, service, repository, tag, pushed)


def _address(
    ctx: TranslationInput, service: Service, repository: str, tag: str, pushed: PushedImage | None
) -> str | BuiltImage:
    """Give the address of an image that is built here: by digest when it was pushed, else by its tag."""
    tag, digest = (pushed.tag, pushed.digest) if pushed else (tag, "")
    if ctx.settings.registry:
        uri = f"{_registry_uri(ctx)}/{repository}"
        return f"{uri}@{digest}" if digest else f"{uri}:{tag}"
    owner = ctx.owners.get(repository, service.name)
    return BuiltImage(Ref(f"repository/{ctx.names[owner]}", "uri"), service.name, tag, digest)


def _pushed(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, key: str, repository: str
) -> PushedImage | None:
    """Give the lock file's entry, unless the image was pushed to or for something else."""
    entry = ctx.pushed.get(key)
    if entry is None:
        return None
    asked = _own_tag(service) or ctx.settings.tag or entry.tag.removesuffix("-files")
    if entry.tag not in (asked, f"{asked}-files"):
        differs = f"as {entry.tag}, and {asked} is asked for"
    elif (entry.repository, entry.platform) != (repository, platform_of(ctx, service)):
        differs = f"to {entry.repository} for {entry.platform}, and runs from {repository} on {platform_of(ctx, service)}"
    else:
        return entry
    findings.warn(
        "C2F446",
        ("services", service.name),
        f"{service.name} was pushed {differs}: the lock file's digest is not used",
        hint=f"compose2fargate push {service.name}",
    )
    return None


def platform_of(ctx: TranslationInput, service: Service) -> str:
    """Give what the service's task runs on, as builders spell it."""
    # The containers of a task share its processor, which its leading service chooses.
    leader = ctx.project.services.get(ctx.groups.leaders.get(service.name, ""), service)
    return "linux/arm64" if architecture_of(ctx.settings, leader) == "ARM64" else "linux/amd64"


def _own_tag(service: Service) -> str:
    """Give the tag that `image` names in the compose file; "" when it names none."""
    return _tag(service.image or "")


def _key(ctx: TranslationInput, service: Service) -> str:
    """What the lock file calls the image that runs: `ImageBuild.key`."""
    derived = bool(ctx.plans[service.name].copied)
    return f"{service.name}+files" if derived and own_repository(ctx, service) else service.name


def image_tag(ctx: TranslationInput, service: Service) -> str:
    """Give the tag of the image that runs: the one with files in it stands beside the one that it derives from."""
    beside = "-files" if own_repository(ctx, service) and ctx.plans[service.name].copied else ""
    return asked_tag(ctx, service) or f"{DEFAULT_TAG}{beside}"


def asked_tag(ctx: TranslationInput, service: Service) -> str:
    """Give the tag that the image that runs is to have; "" where nobody asks for one, and `push` takes the commit."""
    if not own_repository(ctx, service):
        return ctx.settings.tag
    tag = build_tag(ctx.settings, service)
    return f"{tag}-files" if tag and ctx.plans[service.name].copied else tag


def build_tag(settings: Settings, service: Service) -> str:
    """Give the tag that an image from a `build` section is to have; "" likewise."""
    return _own_tag(service) or settings.tag


def repository_name(ctx: TranslationInput, service: Service) -> str:
    """Give the repository that a service's image is pushed to, or "" when its image comes from elsewhere."""
    if service.name in ctx.twins:
        return ""
    own, derived = own_repository(ctx, service), ctx.plans[service.name].copied
    if derived and ctx.owners.get(own) != service.name:
        return _default_repository(ctx, service)  # beside others' images its tag could be that of another one
    return own


def _default_repository(ctx: TranslationInput, service: Service) -> str:
    """Give the repository of an image that has no name of its own."""
    lower = service.name == service.name.lower()  # such a name is never the one that gives way
    name = service.name if lower else distinct_names(ctx.project.services)[service.name]
    return f"{_repository_folder(ctx)}/{repository_part(name)}"


def _repository_folder(ctx: TranslationInput) -> str:
    """Give what the names of all repositories of the stack begin with: an account has one list of them for all projects."""
    environment = "" if ctx.settings.shared_images else ctx.settings.environment
    return repository_part("-".join(filter(None, (ctx.project.name, environment))))


def own_repository(ctx: TranslationInput, service: Service) -> str:
    """Give the repository of an image that is built from a `build` section, or "" where it is pushed elsewhere."""
    image = service.image or ""
    if service.build is None or service.name in ctx.settings.images:
        return ""
    if _names_a_registry(image) and not (ctx.settings.registry or _is_local(image)):
        return ""
    path = image.split("@")[0].removesuffix(f":{_tag(image)}")
    if _names_a_registry(path):
        path = path.partition("/")[2]
    legal = "/".join(map(repository_part, path.split("/"))) if path else ""
    if len(legal) < MIN_REPOSITORY:
        return _default_repository(ctx, service)
    own = legal.removeprefix(f"{repository_part(ctx.project.name)}/").removeprefix(
        f"{_repository_folder(ctx)}/"
    )
    # Another service's image, which has no name of its own, is called like that service.
    return (
        f"{_repository_folder(ctx)}/{with_hash(own, image) if own in ctx.unnamed - {service.name} else own}"
    )


def _tag(image: str) -> str:
    """The tag of an image reference: what follows a colon after the last slash."""
    return image.split("@", maxsplit=1)[0].rsplit("/", 1)[-1].partition(":")[2]


def _registry_uri(ctx: TranslationInput) -> str:
    """Give the registry of images built here: the setting, or the account's ECR in the region."""
    suffix = ".cn" if ctx.region.startswith("cn-") else ""
    account = ctx.settings.account or "ACCOUNT_ID"
    return ctx.settings.registry.rstrip("/") or f"{account}.dkr.ecr.{ctx.region}.amazonaws.com{suffix}"


def _names_a_registry(image: str) -> bool:
    """Whether the reference starts with a host, by Docker's rule: a dot, a port or `localhost` before the first slash."""
    host = _host(image)
    return "." in host or ":" in host or host == "localhost"


def _host(image: str) -> str:
    """What stands before the first slash; "" where there is none."""
    host, slash, _ = image.partition("/")
    return host if slash else ""


_LOCAL = lazy_pattern(
    r"(?:localhost|[\w-]+\.localhost|127(?:\.\d{1,3}){3}|0\.0\.0\.0|\[::1?\]|host\.docker\.internal)(?::\d+)?"
)


def _is_local(image: str) -> bool:
    """Whether the reference names a registry on the machine that builds, for which ECR takes the place."""
    return bool(_LOCAL.fullmatch(_host(image)))
