#!/bin/sh
# Puts the source of libpg_query into DIR (default: .deps/libpg_query), once: afterwards it returns at once.
# The archive's version and checksum are pinned in requirements.txt; another archive is refused.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${1:-$here/../../../.deps/libpg_query}
mark=$target/.complete
wanted=$(grep -v '^#' "$here/requirements.txt")
[ -f "$mark" ] && [ "$(cat "$mark")" = "$wanted" ] && exit 0

mkdir -p "$(dirname "$target")"
work=$(mktemp -d "$(dirname "$target")/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
echo "fetching libpg_query"
/usr/bin/python3 -m pip --disable-pip-version-check -q download --no-deps --no-binary pglast --require-hashes \
  -r "$here/requirements.txt" -d "$work"
tar -xzf "$work"/pglast-*.tar.gz -C "$work" --strip-components=1 --wildcards '*/libpg_query/*'
echo "$wanted" >"$work/libpg_query/.complete"
rm -rf "$target"
mv "$work/libpg_query" "$target"
