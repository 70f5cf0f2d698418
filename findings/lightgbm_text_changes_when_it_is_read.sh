#!/usr/bin/env bash
# LightGBM 4.7.0 writes a tree without a split in one way after training and in another once the model was read from
# text: `leaf_weight=0` becomes `leaf_weight=`. So the hash of a model's text depends on whether the booster was read
# before, for example because `lgb.train` reads its own text unless `keep_training_booster` is true.
#
# Expected: model_to_string of a model is the text that it was read from. Seen on 2026-12-01, Python 3.11, Linux:
#   trained leaf_weight=0
#   read leaf_weight=
# The script fails when that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check lightgbm==4.7.0 numpy==2.4.6 scipy==1.17.1
"$folder/env/bin/python" - <<'CODE' | tee "$folder/seen"
import lightgbm as lgb
import numpy as np


def nothing(predicted, _):
    return np.zeros_like(predicted), np.ones_like(predicted)


data = lgb.Dataset(np.random.default_rng(1).normal(size=(100, 2)), label=np.zeros(100))
booster = lgb.train({"objective": nothing, "verbosity": -1}, data, 1, keep_training_booster=True)
for name, each in (("trained", booster), ("read", lgb.Booster(model_str=booster.model_to_string()))):
    print(name, *(line for line in each.model_to_string().splitlines() if line.startswith("leaf_weight")))
CODE
diff "$folder/seen" - <<'SEEN'
trained leaf_weight=0
read leaf_weight=
SEEN
