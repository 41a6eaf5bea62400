"""What is there before a module is applied: images in ECR, and secrets with their values. Terraform makes none of them.

A module that made its repositories could not start a service before somebody pushed an image into them, and one that made
its secrets would start a database before it has a password. So planning looks them up, and stops where one is missing.
"""

from __future__ import annotations

from collections.abc import Iterator

from compose2fargate.aws.api_values import BuiltImage, Ref
from compose2fargate.aws.resources import Existing, ManagedSecret, Resource, SecretParameter
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.store_resources import DbInstance
from compose2fargate.emitters.resource_graph import one_line
from compose2fargate.emitters.secret_commands import set_command
from compose2fargate.emitters.terraform.hcl import (
    HclAttribute,
    HclBlock,
    HclComment,
    HclExpression,
    quoted_text,
    template_text,
)
from compose2fargate.emitters.terraform.terraform_blocks import Body, arguments
from compose2fargate.emitters.terraform.terraform_names import TerraformAddresses, image_label


def image_checks(stack: Stack, addresses: TerraformAddresses) -> Iterator[HclBlock]:
    """Look each image up that is built here: planning stops where it is not there."""
    images = {image.name: image for image in stack.built_images()}
    for image in images.values():
        body: Body = [
            HclComment("Planning stops here until the image is pushed: no task could start without it."),
            HclAttribute("repository_name", addresses.resolve(image.repository._replace(attribute="name"))),
            *_chosen_image(image),
        ]
        yield HclBlock("data", ("aws_ecr_image", image_label(image.name)), tuple(body))


def _chosen_image(image: BuiltImage) -> Body:
    name = quoted_text(image.name)
    if not image.digest:
        tag = HclExpression(f"lookup(var.image_tags, {name}, {quoted_text(image.tag)})")
        return arguments({"image_tag": tag})
    digest = f"contains(keys(var.image_tags), {name}) ? null : {quoted_text(image.digest)}"
    tag = HclExpression(f"lookup(var.image_tags, {name}, null)")
    return arguments({"image_tag": tag, "image_digest": HclExpression(digest)})


def secret_checks(stack: Stack, addresses: TerraformAddresses) -> Iterator[HclBlock]:
    """Look each secret up that the compose file defines: planning stops where it has no value."""
    passwords = {made.master_user_password.logical_id for _, made in stack.of_type(DbInstance)}
    for logical_id, parameter in stack.of_type(SecretParameter):
        is_password = logical_id in passwords
        read = (
            _READ_ONCE
            if is_password
            else "Its value is not read: it stays encrypted, and what is ephemeral is in no state."
        )
        body: Body = [
            *_how_to_set(parameter),
            HclComment(read),
            HclAttribute("arn", addresses.resolve(Ref(logical_id, "arn"))),
            HclAttribute("with_decryption", is_password),
        ]
        yield HclBlock("ephemeral", ("aws_ssm_parameter", addresses.labels[logical_id]), tuple(body))
    for logical_id, secret in stack.of_type(ManagedSecret):
        versions: Body = [
            *_how_to_set(secret),
            HclComment("Its versions are listed, and none is read."),
            HclAttribute("secret_id", addresses.resolve(Ref(logical_id, "id"))),
            HclBlock("lifecycle", (), (_has_value(secret),)),
        ]
        labels = ("aws_secretsmanager_secret_versions", addresses.labels[logical_id])
        yield HclBlock("data", labels, tuple(versions))


_READ_ONCE = "The database is made with it; what is ephemeral is in no state and no plan."


def password_sources(stack: Stack, addresses: TerraformAddresses) -> Iterator[HclBlock]:
    """Read the passwords of databases that are in no parameter of the stack: in Secrets Manager, or the user's own."""
    for logical_id in dict.fromkeys(
        made.master_user_password.logical_id for _, made in stack.of_type(DbInstance)
    ):
        resource = stack.resources[logical_id]
        label = addresses.labels[logical_id]
        if isinstance(resource, ManagedSecret) or is_managed(resource):
            secret = HclAttribute("secret_id", addresses.resolve(Ref(logical_id, "id")))
            yield HclBlock(
                "ephemeral", ("aws_secretsmanager_secret_version", label), (HclComment(_READ_ONCE), secret)
            )
        elif isinstance(resource, Existing):
            arn = HclAttribute("arn", addresses.resolve(Ref(logical_id, "arn")))
            yield HclBlock("ephemeral", ("aws_ssm_parameter", label), (HclComment(_READ_ONCE), arn))


def is_managed(resource: Resource) -> bool:
    """Whether a secret that exists already is one of Secrets Manager."""
    return isinstance(resource, Existing) and resource.kind == "ManagedSecret"


def password_value(stack: Stack, addresses: TerraformAddresses, ref: Ref) -> HclExpression:
    """Give the expression that a password is, for arguments that no state keeps."""
    label = addresses.labels[ref.logical_id]
    if is_managed(stack.resources[ref.logical_id]):
        return HclExpression(f"ephemeral.aws_secretsmanager_secret_version.{label}.secret_string")
    return HclExpression(f"ephemeral.aws_ssm_parameter.{label}.value")


def _how_to_set(secret: SecretParameter | ManagedSecret) -> Body:
    return [
        HclComment("Planning stops here until the secret has a value: compose2fargate secrets push, or"),
        HclComment(one_line(set_command(secret))),
    ]


def _has_value(secret: ManagedSecret) -> HclBlock:
    current = (
        'try(anytrue([for version in self.versions : contains(version.version_stages, "AWSCURRENT")]), false)'
    )
    message = template_text([f"The secret {secret.name} has no value yet."])
    return HclBlock(
        "postcondition",
        (),
        (HclAttribute("condition", HclExpression(current)), HclAttribute("error_message", message)),
    )
