#!/usr/bin/env bash
# Installs the build into an empty folder, builds examples/embed.cpp against it, and runs that on a tuned network.
#   embed.sh BUILD_DIR SOURCE_DIR
set -euo pipefail
build=$1
source=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cmake --install "$build" --prefix "$scratch/prefix" >/dev/null
cmake -S "$source/examples" -B "$scratch/build" -DCMAKE_PREFIX_PATH="$scratch/prefix" -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build "$scratch/build" >/dev/null
raceline=$scratch/prefix/bin/raceline
"$raceline" zoo write lenet5 -o "$scratch/lenet5.onnx"
"$raceline" search "$scratch/lenet5.onnx" --store "$scratch/none.db" -o "$scratch/none.plan" 2>/dev/null && {
  echo "a search without costs must be refused" >&2
  exit 1
}
"$raceline" tune "$scratch/lenet5.onnx" -o "$scratch/lenet5.plan" --store "$scratch/costs.db" --race-rounds 5 >/dev/null
by_reference=$("$scratch/build/embed" "$scratch/lenet5.onnx")
by_plan=$("$scratch/build/embed" "$scratch/lenet5.onnx" "$scratch/lenet5.plan")
echo "reference: $by_reference"
echo "plan:      $by_plan"
# The same five leading scores, to three digits.
round() { awk '{ for (i = 3; i <= NF; ++i) printf "%.3f ", $i; print "" }' <<<"$1"; }
[ "$(round "$by_reference")" = "$(round "$by_plan")" ]
[ "$(wc -w <<<"$by_plan")" -eq 7 ]
if "$scratch/build/embed" "$scratch/nowhere.onnx" 2>"$scratch/message"; then exit 1; fi
grep -q nowhere.onnx "$scratch/message"
