"""Where the site listens on this machine."""

import errno
import http.client
import os
import socket
from collections.abc import Collection
from dataclasses import dataclass

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""What this machine alone can ask for the site by."""

_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


class AddressUnusable(Exception):
    """Nothing can listen there; the message says why and what to do."""


@dataclass(frozen=True)
class Address:
    """A host name or IP address, and a TCP port."""

    host: str
    port: int

    @property
    def reachable_host(self) -> str:
        """The host under which this machine itself reaches the site."""
        return _EVERYWHERE.get(self.host, self.host)

    @property
    def url(self) -> str:
        host = self.reachable_host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def warning(self, allowed_hosts: Collection[str]) -> str:
        """What those should know who listen for others, and answer none; empty if all is well."""
        if f"[{self.host}]" in LOOPBACK_HOSTS or self.host in LOOPBACK_HOSTS:
            return ""
        if not set(allowed_hosts) <= LOOPBACK_HOSTS:
            return ""
        return (
            f"The site listens on {self.host} for other machines too, but ALLOWED_HOSTS names this "
            "one alone, so all others get an error page. Set ALLOWED_HOSTS to the names and "
            "addresses that they ask for, for example ALLOWED_HOSTS=192.168.0.10,localhost."
        )

    def ensure_free(self) -> None:
        """Raises AddressUnusable where another program listens there or none may."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            socket.create_server((self.host, self.port), family=family).close()
        except (OSError, OverflowError) as error:
            if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
                raise AddressUnusable(
                    f"Another program uses port {self.port} on this machine. Stop it or choose "
                    f"another port, for example: make run PORT={self.port + 1}"
                ) from error
            raise AddressUnusable(
                f"FaceRoute cannot listen on {self.host!r}, port {self.port}: {_reason(error)}. "
                "Set HOST and PORT to an address of this machine and a port from 1024 to 65535."
            ) from error

    def is_ready(self) -> bool:
        """Whether the site answers there and has all that it needs (blocks up to 5 s)."""
        connection = http.client.HTTPConnection(self.reachable_host, self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _reason(error: OSError | OverflowError) -> str:
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
