"""Archives that are sent while they are made."""

import io


class Outlet(io.RawIOBase):
    """Where the zip is written to, and taken from as it grows; it cannot seek, like a socket."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)
