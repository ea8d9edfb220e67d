"""Where a listener listens: an IP address with a port, or a Unix socket."""

import ipaddress
from dataclasses import dataclass
from typing import Self

_PORT_MAX = 65_535
# The kernel's `sun_path` holds 108 bytes with the final NUL (unix(7)); macOS has 104.
_UNIX_PATH_MAX_BYTES = 103


@dataclass(frozen=True, slots=True)
class Address:
    """A place to listen on.

    Attributes:
        host: An IP address without brackets; empty for a Unix socket.
        port: 0 lets the system choose; always 0 for a Unix socket.
        unix_path: The socket's path; empty for TCP.
    """

    host: str = ""
    port: int = 0
    unix_path: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `127.0.0.1:9191`, `[::1]:9191` or `unix:PATH`.

        A host name is refused: what it stands for can change after it was judged.

        Raises:
            ValueError: The text is none of these; the message is what is wrong and, after a
                semicolon, what to do.
        """
        if text.startswith("unix:"):
            path = text.removeprefix("unix:")
            if not path or "\0" in path:
                msg = "has no path after `unix:`; write unix:PATH"
                raise ValueError(msg)
            if len(path.encode()) > _UNIX_PATH_MAX_BYTES:
                msg = f"is too long a path for a socket; use at most {_UNIX_PATH_MAX_BYTES} bytes"
                raise ValueError(msg)
            return cls(unix_path=path)
        host, colon, port = text.rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > _PORT_MAX:
            msg = (
                "is no address; write IP:PORT, [IPv6]:PORT or unix:PATH, with a port of 0 to 65535"
            )
            raise ValueError(msg)
        bracketed = host.startswith("[") and host.endswith("]")
        try:
            ip = ipaddress.ip_address(host[1:-1] if bracketed else host)
        except ValueError:
            msg = "names no IP address; write one such as 127.0.0.1, since a name can change"
            raise ValueError(msg) from None
        if bracketed != (ip.version == 6):  # noqa: PLR2004 - the IP version itself
            msg = "is no address; put IPv6 in brackets and IPv4 without"
            raise ValueError(msg)
        return cls(host=str(ip), port=int(port))

    @property
    def is_local(self) -> bool:
        """Whether nobody outside this host can connect: a loopback address or a Unix socket."""
        return bool(self.unix_path) or ipaddress.ip_address(self.host).is_loopback

    def __str__(self) -> str:
        """Renders the form that `parse` reads."""
        if self.unix_path:
            return f"unix:{self.unix_path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
