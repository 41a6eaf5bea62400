"""Writers of a stack: pure functions from a `Stack` to files as text. They know no compose word."""

from __future__ import annotations

from compose2fargate.emitters.emitter import BUILT_IN, Artifacts, Emitter, EmitterTarget

__all__ = ["BUILT_IN", "Artifacts", "Emitter", "EmitterTarget", "list_targets", "load_emitter"]


def load_emitter(name: str) -> Emitter:
    """Give the emitter called `name`.

    Raises:
        EmitError: There is none, two distributions claim the name, or it cannot be imported.
    """
    if name == "json":  # built in, so that the usual case looks up no installed distributions
        from compose2fargate.emitters.json_files.json_target import JsonEmitter

        return JsonEmitter()
    if name == "terraform":
        from compose2fargate.emitters.terraform.terraform_module import TerraformEmitter

        return TerraformEmitter()
    if name == "cloudformation":
        from compose2fargate.emitters.cloudformation.cloudformation_target import CloudFormationEmitter

        return CloudFormationEmitter()
    from compose2fargate.emitters.emitter_plugins import load_plugin

    return load_plugin(name)


def list_targets() -> list[EmitterTarget]:
    """List every target that can be loaded, the built-in ones first.

    Raises:
        EmitError: A plugin cannot be loaded, or two have the same name; it is named with its distribution.
    """
    from compose2fargate.emitters.emitter_plugins import plugin_targets

    found = [EmitterTarget(name, load_emitter(name).summary, "built in") for name in BUILT_IN]
    return [*found, *plugin_targets()]
