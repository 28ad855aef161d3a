#!/bin/sh
# Installs the Debian packages of the named lists (.ci/packages/NAME.txt), only those that are missing. Needs root or
# sudo only if something is missing. Starts no service and makes no database cluster.
#
#   .ci/install.sh build test
set -eu
here=$(cd "$(dirname "$0")" && pwd)

missing=""
for list in "$@"; do
  while read -r package command; do
    case $package in '' | '#'*) continue ;; esac
    [ -n "$command" ] && command -v "$command" >/dev/null 2>&1 && continue
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] && continue
    missing="$missing $package"
  done <"$here/packages/$list.txt"
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ]; then
  as_root=""
elif command -v sudo >/dev/null 2>&1; then
  as_root=sudo
else
  echo ".ci/install.sh: these Debian packages are missing:$missing" >&2
  echo ".ci/install.sh: run this again as root, or install sudo" >&2
  exit 1
fi
echo "installing Debian packages:$missing"

# While packages are installed, these two files keep services from starting and PostgreSQL from making a cluster.
policy=/usr/sbin/policy-rc.d
no_cluster=/etc/postgresql-common/createcluster.d/weir.conf
made_policy=""
clean_up() {
  [ -z "$made_policy" ] || $as_root rm -f "$policy"
  $as_root rm -f "$no_cluster"
  $as_root rmdir "$(dirname "$no_cluster")" "$(dirname "$(dirname "$no_cluster")")" 2>/dev/null || true # where empty
}
trap clean_up EXIT
trap 'exit 130' INT TERM
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
  made_policy=yes
  $as_root chmod 755 "$policy"
fi
$as_root mkdir -p "$(dirname "$no_cluster")"
echo "create_main_cluster = false" | $as_root tee "$no_cluster" >/dev/null

# Only these variables matter to apt; sudo would drop them.
apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0"
$apt update
# shellcheck disable=SC2086  # a list of words
$apt install -y --no-install-recommends $missing

# A peer of the benchmark must not start at the next boot either, if it was us who brought it.
for service in pgbouncer haproxy; do
  case " $missing " in
    *" $service "*) command -v systemctl >/dev/null 2>&1 && $as_root systemctl disable "$service" >/dev/null 2>&1 || true ;;
  esac
done
