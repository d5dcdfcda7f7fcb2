"""Names of the files that the floors below `hmtl.runs` read or write too; each name stands in the code once.

`hmtl.runs.run_directory` has the names of all that a run keeps.
"""

CONFIG_NAME = "config.json"
# The release of AllenNLP that a run was made with; the name is AllenNLP's.
META_NAME = "meta.json"
VOCABULARY_NAME = "vocabulary"
ARCHIVE_NAME = "model.tar.gz"
# Thresholds and temperatures, chosen on validation data.
CALIBRATION_NAME = "calibration.json"
# The command that began a run, and the packages that it included.
COMMAND_NAME = "command.json"

# Of a package: what it says of itself, its model card, and the folders of its encoders' configuration and tokenizer,
# `encoder`, `encoder_2`, ..., which its configuration names so.
PACKAGE_NAME = "package.json"
CARD_NAME = "README.md"
ENCODER_NAME = "encoder"

# Of a weights file.
SUFFIX = ".safetensors"
# In the order in which they are looked for: hmtl wrote `.th`, by `torch.save`, before it wrote safetensors.
SUFFIXES = (SUFFIX, ".th")
# Weights files, without their suffix: an archive's, and a run's with the best sum of scores.
ARCHIVED, BEST = "weights", "best"

# A file that is being written; one that no process writes to was left by a process that was killed.
PARTIAL_SUFFIX = ".partial"
