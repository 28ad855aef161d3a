#!/bin/sh
# Runs the fuzz targets of a build with new seeds, one after the other, and goes on behind one that finds something:
#   tests/fuzz/run.sh BUILD SECONDS [NAME]
set -eu
build=$1 seconds=$2 only=${3-}
cd "$(dirname "$0")/../.."
failed=
for corpus in tests/fuzz/corpus/fuzz_*"$only"*; do
  target=$(basename "$corpus")
  found=$build/corpus/$target
  mkdir -p "$found"
  echo "$target: $seconds seconds"
  "$build/tests/fuzz/$target" -entropic=0 -max_total_time="$seconds" -timeout=10 -verbosity=0 -print_final_stats=1 \
    -artifact_prefix="$found/" "$found" "$corpus" || failed="$failed $target"
done
[ -z "$failed" ] || { echo "found something:$failed (the inputs are in $build/corpus)" >&2; exit 1; }
