"""Every address that the site answers, as its resolver has them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from django.urls import URLPattern, URLResolver, get_resolver

_PARAMETER = re.compile(r"<(?:(?P<kind>\w+):)?(?P<name>\w+)>")


@dataclass(frozen=True)
class Address:
    """A route such as `predictions/<uuid:pk>/`; `name` as `reverse` takes it."""

    name: str
    route: str

    @property
    def parameters(self) -> dict[str, str]:
        """Name → kind of what a path has to fill in."""
        return {found["name"]: found["kind"] or "str" for found in _PARAMETER.finditer(self.route)}

    def path(self, **values: object) -> str:
        """The path with values filled in, as they are."""
        return "/" + _PARAMETER.sub(lambda found: str(values[found["name"]]), self.route)


@cache
def addresses() -> list[Address]:
    """All of them, but for the admin's answer to whatever is not there."""
    return [one for one in _walk(get_resolver()) if "(?P" not in one.route]


def _walk(resolver: URLResolver, before: str = "", space: str = "") -> Iterator[Address]:
    for one in resolver.url_patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLPattern):
            yield Address(f"{space}{one.name or ''}", route)
        else:
            yield from _walk(one, route, f"{space}{one.namespace}:" if one.namespace else space)
