"""Where the image of a service is: as the file says, as the user says, or the repository it is pushed to."""

from __future__ import annotations

from collections.abc import Mapping

from compose2fargate.aws.builds import PushedImage
from compose2fargate.aws.values import BuiltImage, Ref
from compose2fargate.compose.model import Project, Service
from compose2fargate.mapping.context import Context
from compose2fargate.mapping.names import apart, repository_part

DEFAULT_TAG = "latest"
MIN_REPOSITORY = 2
"""Characters: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html"""


def image_of(ctx: Context, service: Service) -> str | BuiltImage:
    """Give the image: the user's choice, the one in the file, or the repository of the stack that it is pushed to."""
    chosen = ctx.settings.images.get(service.name)
    if chosen:
        return chosen
    if repository_name(ctx, service):
        return _built_image(ctx, service)
    builder = ctx.project.services.get(ctx.builders.get(service.name, ""))
    return service.image or "" if builder is None else _anothers_image(ctx, service, builder)


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


def find_owners(ctx: Context) -> Mapping[str, str]:
    """Give each repository that images of `build` sections are pushed to, and each with a tag, the service that it is counted for.

    Several services may build the same image, or have images in the same repository.
    """
    owners: dict[str, str] = {}
    for name in sorted(ctx.project.services, reverse=True):
        service = ctx.project.services[name]
        if repository := own_repository(ctx, service):
            owners |= {repository: name, f"{repository}:{build_tag(ctx, service) or DEFAULT_TAG}": name}
    return owners


def _reference(image: str) -> str:
    return image if _tag(image) or "@" in image or not image else f"{image}:{DEFAULT_TAG}"


def _anothers_image(ctx: Context, service: Service, builder: Service) -> str | BuiltImage:
    """Give the image that `builder` builds, without the files that are copied into its own."""
    if chosen := ctx.settings.images.get(builder.name):
        return chosen
    repository = own_repository(ctx, builder)
    if not repository:
        return service.image or ""
    pushed = _pushed(ctx, builder, builder.name, repository)
    tag = pushed.tag if pushed else build_tag(ctx, builder) or DEFAULT_TAG
    ctx.info(
        "C2F231",
        ("services", service.name, "image"),
        f"{service.name} runs the image that {builder.name} builds, {registry(ctx)}/{repository}:{tag}",
        hint=f"--image {service.name}=URI runs another one",
    )
    name = service.name if ctx.plans[builder.name].copied else _name(ctx, builder, repository)
    return _address(
        ctx, builder, repository, BuiltImage(Ref("", ""), tag, pushed.digest if pushed else "", name)
    )


def _built_image(ctx: Context, service: Service) -> str | BuiltImage:
    """Give the address of an image that is built for `service`: by digest when it was pushed, else by its tag."""
    repository = repository_name(ctx, service)
    pushed = _pushed(ctx, service, _key(ctx, service), repository)
    tag = pushed.tag if pushed else image_tag(ctx, service)
    uri = f"{registry(ctx)}/{repository}"
    built = "is built here" if service.build else "has files of the project copied into its image"
    if pushed is None:
        ctx.info(
            "C2F231",
            ("services", service.name, "build" if service.build else "image"),
            f"{service.name} {built} and runs as {uri}:{tag}, which has to be pushed before it can start",
            hint="compose2fargate push pushes it and pins its digest; --registry URI and --tag TAG choose the address; "
            f"--image {service.name}=URI the whole image",
            url="https://docs.aws.amazon.com/AmazonECR/latest/userguide/docker-push-ecr-image.html",
        )
    name = service.name if ctx.plans[service.name].copied else _name(ctx, service, repository)
    return _address(
        ctx, service, repository, BuiltImage(Ref("", ""), tag, pushed.digest if pushed else "", name)
    )


def _name(ctx: Context, builder: Service, repository: str) -> str:
    """Give the service whose name stands for an image: the same one for all that build it."""
    owner = ctx.owners.get(f"{repository}:{build_tag(ctx, builder) or DEFAULT_TAG}", builder.name)
    return builder.name if ctx.plans[owner].copied else owner


def _address(ctx: Context, builder: Service, repository: str, image: BuiltImage) -> str | BuiltImage:
    if ctx.settings.registry:
        uri = f"{registry(ctx)}/{repository}"
        return f"{uri}@{image.digest}" if image.digest else f"{uri}:{image.tag}"
    owner = ctx.owners.get(repository, builder.name)
    return image._replace(repository=Ref(f"repository/{ctx.names[owner]}", "uri"))


def _pushed(ctx: Context, service: Service, key: str, repository: str) -> PushedImage | None:
    """Give the lock file's entry, unless the image was pushed to or for something else."""
    entry = ctx.pushed.get(key)
    if entry is None:
        return None
    asked = own_tag(service) or ctx.settings.tag or entry.tag.removesuffix("-files")
    if entry.tag not in (asked, f"{asked}-files"):
        differs = f"as {entry.tag}, and {asked} is asked for"
    elif (entry.repository, entry.platform) != (repository, platform_of(ctx, service)):
        differs = f"to {entry.repository} for {entry.platform}, and runs from {repository} on {platform_of(ctx, service)}"
    else:
        return entry
    ctx.warn(
        "C2F446",
        ("services", service.name),
        f"{service.name} was pushed {differs}: the lock file's digest is not used",
        hint=f"compose2fargate push {service.name}",
    )
    return None


def platform_of(ctx: Context, service: Service) -> str:
    """Give what the service's task runs on, as builders spell it."""
    system, _, machine = service.platform.lower().partition("/")
    architecture = (machine or system).split("/")[0] or ctx.settings.architecture.lower()
    return "linux/arm64" if architecture in ("arm64", "aarch64") else "linux/amd64"


def own_tag(service: Service) -> str:
    """Give the tag that `image` names in the compose file; "" when it names none."""
    return _tag(service.image or "")


def _key(ctx: Context, service: Service) -> str:
    """What the lock file calls the image that runs: `ImageBuild.key`."""
    derived = bool(ctx.plans[service.name].copied)
    return f"{service.name}+files" if derived and own_repository(ctx, service) else service.name


def image_tag(ctx: Context, service: Service) -> str:
    """Give the tag of the image that runs: the one with files in it stands beside the one that it derives from."""
    beside = "-files" if own_repository(ctx, service) and ctx.plans[service.name].copied else ""
    return asked_tag(ctx, service) or f"{DEFAULT_TAG}{beside}"


def asked_tag(ctx: Context, service: Service) -> str:
    """Give the tag that the image that runs is to have; "" where nobody asks for one, and `push` takes the commit."""
    if not own_repository(ctx, service):
        return ctx.settings.tag
    tag = build_tag(ctx, service)
    return f"{tag}-files" if tag and ctx.plans[service.name].copied else tag


def build_tag(ctx: Context, service: Service) -> str:
    """Give the tag that an image from a `build` section is to have; "" likewise."""
    return own_tag(service) or ctx.settings.tag


def repository_name(ctx: Context, service: Service) -> str:
    """Give the repository that a service's image is pushed to, or "" when its image comes from elsewhere."""
    own, derived = own_repository(ctx, service), ctx.plans[service.name].copied
    if derived and ctx.owners.get(own) != service.name:
        return default_repository(ctx, service)  # beside others' images its tag could be that of another one
    return own


def default_repository(ctx: Context, service: Service) -> str:
    """Give the repository of an image that has no name of its own."""
    lower = service.name == service.name.lower()  # such a name is never the one that gives way
    name = service.name if lower else apart(ctx.project.services)[service.name]
    return f"{repository_part(ctx.project.name)}/{repository_part(name)}"


def own_repository(ctx: Context, service: Service) -> str:
    """Give the repository of an image that is built from a `build` section, or "" where it is pushed elsewhere."""
    image = service.image or ""
    if service.build is None or service.name in ctx.settings.images:
        return ""
    if _names_a_registry(image) and not ctx.settings.registry:
        return ""
    path = image.split("@")[0].removesuffix(f":{_tag(image)}")
    if _names_a_registry(path):
        path = path.partition("/")[2]
    legal = "/".join(map(repository_part, path.split("/"))) if path else ""
    return legal if len(legal) >= MIN_REPOSITORY else default_repository(ctx, service)


def _tag(image: str) -> str:
    """The tag of an image reference: what follows a colon after the last slash."""
    return image.split("@", maxsplit=1)[0].rsplit("/", 1)[-1].partition(":")[2]


def registry(ctx: Context) -> str:
    """Give the registry of images built here: the setting, or the account's ECR in the region."""
    suffix = ".cn" if ctx.region.startswith("cn-") else ""
    account = ctx.settings.account or "ACCOUNT_ID"
    return ctx.settings.registry.rstrip("/") or f"{account}.dkr.ecr.{ctx.region}.amazonaws.com{suffix}"


def _names_a_registry(image: str) -> bool:
    """Whether the reference starts with a host, by Docker's rule: a dot, a port or `localhost` before the first slash."""
    host, slash, _ = image.partition("/")
    return bool(slash) and ("." in host or ":" in host or host == "localhost")
