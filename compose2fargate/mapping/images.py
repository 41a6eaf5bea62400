"""Where the image of a service is: as the file says, as the user says, or the repository it is pushed to."""

from __future__ import annotations

from compose2fargate.aws.values import BuiltImage, Ref
from compose2fargate.compose.model import Service
from compose2fargate.mapping.context import Context


def image_of(ctx: Context, service: Service) -> str | BuiltImage:
    """Give the image: the user's choice, the one in the file, or the repository of the stack that it is pushed to."""
    chosen = ctx.settings.images.get(service.name)
    if chosen:
        return chosen
    repository = repository_name(ctx, service)
    if not repository:
        return service.image or ""
    tag = _tag(service.image or "") or ctx.settings.tag
    uri = f"{registry(ctx)}/{repository}:{tag}"
    ctx.info(
        "C2F231",
        ("services", service.name, "build"),
        f"{service.name} is built here and runs as {uri}, which has to be pushed before it can start",
        hint=f"--registry URI and --tag TAG choose the address; --image {service.name}=URI the whole image",
        url="https://docs.aws.amazon.com/AmazonECR/latest/userguide/docker-push-ecr-image.html",
    )
    if ctx.settings.registry:
        return uri
    return BuiltImage(Ref(f"repository/{ctx.names[service.name]}", "uri"), tag)


def repository_name(ctx: Context, service: Service) -> str:
    """Give the repository that a service's own image is pushed to, or "" when its image comes from elsewhere."""
    image = service.image or ""
    if service.build is None or service.name in ctx.settings.images:
        return ""
    if _names_a_registry(image) and not ctx.settings.registry:
        return ""
    path = image.split("@")[0].removesuffix(f":{_tag(image)}")
    if _names_a_registry(path):
        path = path.partition("/")[2]
    return path or f"{ctx.project.name}/{service.name}".lower()


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
