#!/usr/bin/env bash
# Makes what the tests of packages begin with, in .deps/ (or $WEIR_DEPS), from what the package registries give:
#   images/debian-<12|13>.tar    a bare Debian, as the official image debian:<N>-slim is
#   helm/helm                    built by Go
#   kubernetes_validate/         Python packages, with the schemas of Kubernetes inside
#   grafana_sdk/                 Grafana's model of a dashboard, as Python types
# Usage: tests/packages/fetch_images.sh [12|13|helm|kubernetes_validate|grafana_sdk]…     (default: all)
# What is there already is left alone. What cannot be had is said and left out: the tests that need it are skipped, each with a line.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
deps=${WEIR_DEPS:-$(cd "$here/../.." && pwd)/.deps}
mkdir -p "$deps"
exec 9>"$deps/.fetch-images.lock"
flock 9
work=$(mktemp -d "$deps/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT

say() { echo "fetch_images: $*" >&2; }

fetch_debian() {
  local name target="$deps/images/debian-$1.tar"
  [ -f "$target" ] && return 0
  case $1 in 12) name=bookworm ;; 13) name=trixie ;; esac
  say "Debian $1 ($name)"
  # As debian:N-slim: no manuals and no documentation but the licences.
  mmdebstrap --quiet --variant=minbase --include=ca-certificates \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    "$name" "$work/root.tar" || { say "no Debian $1: mmdebstrap failed"; return 0; }
  mkdir -p "$deps/images"
  mv "$work/root.tar" "$target"
}

fetch_helm() {
  [ -x "$deps/helm/helm" ] && return 0
  command -v go >/dev/null || { say "no helm: it needs Go"; return 0; }
  say "helm (some minutes)"
  GOBIN="$work" go install helm.sh/helm/v3/cmd/helm@v3.22.0 >"$work/log" 2>&1 || { tail -3 "$work/log" >&2; say "no helm: go install failed"; return 0; }
  mkdir -p "$deps/helm"
  mv "$work/helm" "$deps/helm/helm"
}

fetch_kubernetes_validate() {
  [ -d "$deps/kubernetes_validate" ] && return 0
  say "kubernetes-validate"
  /usr/bin/python3 -m pip --disable-pip-version-check -q install --root-user-action ignore --only-binary :all: kubernetes-validate==1.34.0 \
    --target "$work/kv" || { say "no kubernetes-validate: pip failed"; return 0; }
  mv "$work/kv" "$deps/kubernetes_validate"
}

fetch_grafana_sdk() {
  [ -d "$deps/grafana_sdk" ] && return 0
  say "grafana-foundation-sdk"
  /usr/bin/python3 -m pip --disable-pip-version-check -q install --root-user-action ignore --no-deps --only-binary :all: \
    'grafana-foundation-sdk==1769699998!10.1.0' --target "$work/grafana" || { say "no Foundation SDK of Grafana's: pip failed"; return 0; }
  mv "$work/grafana" "$deps/grafana_sdk"
}

[ $# -gt 0 ] || set -- 12 13 kubernetes_validate grafana_sdk helm
for wanted in "$@"; do
  case $wanted in
    12 | 13) fetch_debian "$wanted" ;;
    helm) fetch_helm ;;
    kubernetes_validate) fetch_kubernetes_validate ;;
    grafana_sdk) fetch_grafana_sdk ;;
    *) say "nothing of that name: $wanted"; exit 2 ;;
  esac
done
