"""GUM's fixture with constituency trees, which the corpus `gum_layers` reads beside the treebank."""

import shutil
from pathlib import Path

from hmtl.corpora import GumCorpus


def copy_with_trees(fixtures: Path, folder: Path) -> None:
    """Copies the fixture to `folder`, and adds `const` with one noun phrase for each sentence."""
    shutil.copytree(fixtures / "gum", folder)
    (folder / "const").mkdir()
    for split in ("train", "dev", "test"):
        for document in GumCorpus().documents(str(folder / f"{split}.txt")):
            trees = ("(ROOT (NP " + "".join(f"(NN {word})" for word in words) + "))\n" for words in document.sentences)
            (folder / "const" / f"{document.doc_key}.ptb").write_text("".join(trees), encoding="utf-8")
