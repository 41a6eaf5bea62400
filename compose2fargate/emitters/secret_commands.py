"""The commands by which a person gives a secret its value."""

from __future__ import annotations

from compose2fargate.aws.resources import ManagedSecret, SecretParameter
from compose2fargate.text.shell_text import option

SECRET_CALLS = {
    SecretParameter: ("ssm put-parameter --type SecureString", "name", "--value file://value.txt"),
    ManagedSecret: ("secretsmanager create-secret", "name", "--secret-string file://value.txt"),
}
"""How a secret is made, by its type: the call, the option that takes its name, and the one that takes its value."""


def set_command(secret: SecretParameter | ManagedSecret, *, overwrite: bool = False) -> str:
    """Give the command that makes a secret with the value in a file, or gives one that is there another value."""
    call, named, value = SECRET_CALLS[type(secret)]
    if overwrite and isinstance(secret, SecretParameter):
        call = f"{call} --overwrite"
    elif overwrite:
        call, named = "secretsmanager put-secret-value", "secret-id"
    return f"aws {call} {option(named, secret.name)} {value}"
