"""A store that AWS runs in place of a service: the value that is decided once, and what the other rooms ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from compose2fargate.aws.api_values import Ref
from compose2fargate.compose.model import Service
from compose2fargate.credentials import is_proposed, is_telling
from compose2fargate.records import NamedTuple

if TYPE_CHECKING:
    from compose2fargate.mapping.stores.engines import StoreEngine
    from compose2fargate.mapping.translation_input import TranslationInput

VARIABLE, SECRET, EXTERNAL, NONE = "variable", "secret", "external", ""
"""Where a password comes from: a variable of the service, a secret of the project, or one that the user has already."""


STORE_CLIENTS = Ref("security-group/store-clients", "id")
"""The group of the tasks that talk to stores; the stores let nobody else in."""


class StorePassword(NamedTuple):
    """The password of a store's administrator: where it comes from, never what it is.

    Attributes:
        kind: `variable`, `secret`, `external`, or "" where the store has none.
        name: Of the variable or the secret; the name or ARN of an external one.
    """

    kind: str = NONE
    name: str = ""


class ManagedStore(NamedTuple):
    """A database or cache that AWS runs.

    Attributes:
        service: The service whose place it takes.
        engine: What is known of the engine.
        version: The engine's version.
        host: The name by which clients reach it, whatever AWS calls its endpoint.
        options: `x-fargate.managed` of the service.
        names: The names that the service has for others.
        user: Its administrator.
        database: The database that it begins with; "" where the engine makes none.
        password: The administrator's password.
        parameters: Settings that carry over.
        clients: Services that talk to it.
    """

    service: Service
    engine: StoreEngine
    version: str
    host: str
    options: Mapping[str, Any]
    names: frozenset[str]
    user: str = ""
    database: str = ""
    password: StorePassword = StorePassword()
    parameters: Mapping[str, str] = {}
    clients: frozenset[str] = frozenset()

    @property
    def known_password(self) -> str:
        """The password where the compose file says it, else ""."""
        variable = self.password.name if self.password.kind == VARIABLE else ""
        return str(self.service.environment.get(variable) or "")

    @property
    def size(self) -> str:
        """The class of its instances."""
        return str(self.options.get("class") or self.engine.size)

    @property
    def storage(self) -> int:
        """Its storage in GiB."""
        return int(self.options.get("storage") or 20)

    @property
    def is_multi_zone(self) -> bool:
        """Whether a second instance in another zone takes over."""
        return bool(self.options.get("multi_az"))


class StorePasswords(NamedTuple):
    """The passwords of stores, gathered once for all their clients.

    Attributes:
        known: Those that the compose file says, to the store.
        telling: Those of them that are found again by their text.
        inherited: Variables whose values come from whoever deploys, and are the password of a store.
    """

    known: Mapping[str, str] = {}
    telling: Mapping[str, str] = {}
    inherited: frozenset[str] = frozenset()

    @classmethod
    def of(cls, stores: Mapping[str, ManagedStore]) -> StorePasswords:
        """Gather the passwords of stores."""
        known = {password: name for name, store in stores.items() if (password := store.known_password)}
        named = [
            (s.service.environment, s.password.name) for s in stores.values() if s.password.kind == VARIABLE
        ]
        inherited = frozenset(name for environment, name in named if environment.get(name) is None)
        return cls(known, {one: name for one, name in known.items() if is_telling(one)}, inherited)

    def held_by(self, name: str, value: str | None) -> bool:
        """Tell whether a variable of a service holds the password of a store, alone or in a URL.

        One without a value comes from the variable of that name of whoever deploys, as the store's own may.
        """
        if value is None:
            return name in self.inherited
        return bool(self.known) and is_proposed(name, value) and bool(self.store_in(value))

    def store_in(self, text: str) -> str:
        """Give the store whose password stands anywhere in a text, or ""."""
        return next((self.known[one] for one in self.known if one in text), "")

    def copied_in(self, text: str) -> str:
        """Give the store of which a text is the password or holds one that is found again by its text, or ""."""
        if text in self.known and not text.isalpha():
            return self.known[text]
        return next((name for one, name in self.telling.items() if one in text), "")


def client_leaders(ctx: TranslationInput) -> frozenset[str]:
    """Give the leading services of the tasks that talk to a store."""
    clients = {client for store in ctx.stores.values() for client in store.clients}
    return frozenset(ctx.groups.leaders[name] for name in clients if name in ctx.groups.leaders)
