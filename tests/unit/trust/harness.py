"""Real sockets and real TLS on loopback: an origin that answers what a test says, byte for byte."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpcore2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from accredit.trust.addresses import Address, Opening
from accredit.trust.http import FetchLimits, GuardedClient
from accredit.trust.network import Reach

HOST = "issuer.test"
LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
OPEN = Reach((Opening(HOST, LOOPBACK),))
LIMITS = FetchLimits(connect_s=5, total_s=10, body_bytes=4096)

Write = Callable[[bytes], Awaitable[None]]
Answer = Callable[["Seen", Write], Awaitable[None]]


@dataclass(frozen=True)
class Authority:
    """A certificate authority and a server certificate for `issuer.test` and 127.0.0.1."""

    ca_file: Path
    server: ssl.SSLContext


def make_authority(folder: Path) -> Authority:
    now = dt.datetime.now(dt.UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])

    def certificate(
        subject: x509.Name,
        public: ec.EllipticCurvePublicKey,
        extensions: Iterable[x509.ExtensionType],
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()),
                critical=False,
            )
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=True)
        return builder.sign(ca_key, hashes.SHA256())

    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    ca = certificate(
        ca_name,
        ca_key.public_key(),
        [x509.BasicConstraints(ca=True, path_length=0), usage],
    )
    names = x509.SubjectAlternativeName(
        [x509.DNSName(HOST), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))],
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    server = certificate(subject, key.public_key(), [names])
    ca_file, chain = folder / "ca.pem", folder / "server.pem"
    ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    chain.write_bytes(
        server.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return Authority(ca_file, context)


@dataclass(frozen=True)
class Seen:
    """A request head as it arrived."""

    path: str
    headers: dict[str, str]


@dataclass
class Origin:
    """A server on 127.0.0.1."""

    answer: Answer
    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0

    def url(self, path: str = "/jwks", host: str = HOST) -> str:
        return f"https://{host}:{self.port}{path}"

    async def serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._serve_one(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        request = Seen(head[0].split(" ")[1], {k.lower(): v for k, v in headers.items()})
        self.seen.append(request)

        async def write(part: bytes) -> None:
            writer.write(part)
            await writer.drain()

        await self.answer(request, write)


@contextlib.asynccontextmanager
async def origin(answer: Answer, tls: ssl.SSLContext | None) -> AsyncIterator[Origin]:
    made = Origin(answer)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(made.serve_one(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def fixed(
    body: bytes,
    *headers: str,
    status: str = "200 OK",
    kind: str | None = "application/json",
) -> Answer:
    """An answer with a length and a body."""

    async def answer(_: Seen, write: Write) -> None:
        lines = [f"HTTP/1.1 {status}", *headers, f"content-length: {len(body)}"]
        if kind is not None:
            lines.append(f"content-type: {kind}")
        await write("\r\n".join([*lines, "", ""]).encode() + body)

    return answer


def raw(*parts: bytes) -> Answer:
    """An answer of these bytes, and then the end of the connection."""

    async def answer(_: Seen, write: Write) -> None:
        for part in parts:
            await write(part)

    return answer


class Names:
    """A resolver under the test's control; each call takes the next answer, the last one stays."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self._answers = {name.replace("_", "."): list(rows) for name, rows in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        del port
        self.asked.append(host)
        rows = self._answers.get(host)
        if not rows:
            raise OSError("no such name")
        row = rows.pop(0) if len(rows) > 1 else rows[0]
        return [ipaddress.ip_address(text) for text in row]


class Wires(httpcore2.AsyncNetworkBackend):
    """Records where connections are asked to go, and may lead them all to one address instead."""

    def __init__(self, lead_to: str | None = None) -> None:
        self.asked: list[str] = []
        self._lead_to = lead_to
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore2
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        self.asked.append(host)
        return await self._inner.connect_tcp(
            self._lead_to or host,
            port,
            timeout,
            local_address,
            socket_options,
        )


def client(
    authority: Authority | None,
    names: Names,
    *,
    wires: Wires | None = None,
    limits: FetchLimits = LIMITS,
) -> GuardedClient:
    ca_file = authority.ca_file if authority else None
    return GuardedClient(limits, ca_file=ca_file, resolver=names, backend=wires or Wires())


def home() -> Names:
    return Names(issuer_test=[["127.0.0.1"]])


async def until(*conditions: Callable[[], object]) -> None:
    """Waits until all hold; the test's own time limit ends a wait in vain."""
    while not all(condition() for condition in conditions):
        await asyncio.sleep(0.002)
