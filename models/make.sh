#!/bin/sh
# Makes models/en_hmtl_mini: trains, chooses thresholds and temperatures, packages. What is done already is not done
# again, and an interrupted training goes on. `make model` calls it.
#
#   DATA     the folder that holds gum/ and redocred/ (docs/data.md says where they come from)
#   ENCODER  all-MiniLM-L6-v2, by default from the Hugging Face hub, or its folder
#   RUN      the directory of the training (default: runs/en_hmtl_mini)
#   HMTL     the program (default: hmtl)
set -eu
cd "$(dirname "$0")/.."
base=sentence-transformers/all-MiniLM-L6-v2
HMTL=${HMTL:-hmtl} RUN=${RUN:-runs/en_hmtl_mini} ENCODER=${ENCODER:-$base}

if [ ! -f "$RUN/metrics.json" ]; then
    : "${DATA:?names the folder that holds gum/ and redocred/}"
    recover=
    if [ -d "$RUN" ]; then recover=--recover; fi
    # The second of the seeds of docs/results/heads.md.
    seeds='{"random_seed": 2, "numpy_seed": 2, "pytorch_seed": 2, "trainer.seed": 2, "data_loader.seed": 2}'
    HMTL_DATA=$DATA HMTL_TRANSFORMER=$ENCODER \
        "$HMTL" train configs/setups/heads/finetuned.jsonnet -s "$RUN" -o "$seeds" $recover
fi
if [ ! -f "$RUN/calibration.json" ]; then
    "$HMTL" evaluate "$RUN" --calibrate --weights best.safetensors --no-baselines --output "$RUN/calibration_scores.json"
fi
"$HMTL" package "$RUN" --name en_hmtl_mini --version "${VERSION:-0.1.0}" --precision 8 --output models --force \
    --description "Named entities, mentions, relations and coreference of English text in one pass, on a laptop." \
    --license cc-by-sa-4.0 --base-model "$base" --notes models/en_hmtl_mini.md \
    --command "make model DATA=DIR ENCODER=$base"
