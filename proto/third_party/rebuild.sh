#!/bin/sh
# Rebuilds ext_authz.binpb in a throw-away environment; with --check, compares and changes nothing.
# UV names the uv to use (default: the one on PATH).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
uv=${UV:-uv}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT INT TERM

# All versions are pinned: descriptor.proto comes from protobuf itself.
"$uv" venv --quiet "$scratch/env"
"$uv" pip install --quiet --python "$scratch/env/bin/python" \
  xds-protos==1.85.0 grpcio==1.85.0 protobuf==7.36.2 typing-extensions==4.16.0
"$scratch/env/bin/python" "$here/descriptor_set.py" "$scratch/ext_authz.binpb"

if [ "${1:-}" = --check ]; then
  if ! cmp -s "$scratch/ext_authz.binpb" "$here/ext_authz.binpb"; then
    echo "proto/third_party/ext_authz.binpb is not what rebuild.sh makes: run make proto" >&2
    exit 1
  fi
else
  cp "$scratch/ext_authz.binpb" "$here/ext_authz.binpb"
fi
