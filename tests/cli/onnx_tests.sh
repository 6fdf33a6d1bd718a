#!/usr/bin/env bash
# ONNX's backend tests and real models, when the data stand beside the checkout: tiers core and dtype pass
# whole, other tiers pass or are refused, models with known outputs agree, with the reference and with each
# primitive.
#   onnx_tests.sh RACELINE DATA_DIR
set -euo pipefail
raceline=$1
data=$2
[ -d "$data/onnx-node" ] || exit 77
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$raceline" verify "$data/onnx-node" --tier core,dtype --each-primitive
"$raceline" verify "$data/onnx-node" | tail -n 1
"$raceline" verify "$data/onnx-light"
"$raceline" verify "$data/onnx-real"
"$raceline" verify "$data/onnx-real/mnist-cntk" --each-primitive
for name in squeezenet resnet50 bvlc_alexnet; do
  folder=$scratch/$name/test_data_set_0
  mkdir -p "$folder"
  /usr/bin/python3 "$data/onnx-light-rand/materialise.py" "$data/onnx-light/light_$name/model.onnx" "$scratch/$name/model.onnx"
  /usr/bin/python3 "$data/onnx-light-rand/materialise.py" --input "$folder/input_0.pb"
  cp "$data/onnx-light-rand/light_${name}_output_0.pb" "$folder/output_0.pb"
done
"$raceline" verify "$scratch"
"$raceline" verify "$scratch/squeezenet" --each-primitive
