"""A treebank of sentences of six words, made of a few words of each part of speech."""

import random
from pathlib import Path
from typing import Tuple

SPLITS = {"one": ("train", 60), "two": ("dev", 5), "three": ("test", 20)}
DETERMINERS, ADJECTIVES = ("The", "A", "This"), ("old", "big", "small")
NOUNS, VERBS = ("dog", "company", "president", "city"), ("sees", "likes", "buys")


def write(folder: Path) -> Tuple[Path, Path]:
    """The directories of CoNLL-U and of brackets, with lists beside."""
    generator = random.Random(1)
    conllu, ptb = folder / "dep", folder / "const"
    conllu.mkdir()
    ptb.mkdir()
    for name, (split, number) in SPLITS.items():
        blocks, trees = [], []
        for i in range(number):
            det, adj, noun, verb = map(generator.choice, (DETERMINERS, ADJECTIVES, NOUNS, VERBS))
            if name == "one" and i == 0:
                det, adj, noun, verb = "The", "old", "dog", "sees"
            words = [
                (det, "DET", 3, "det"),
                (adj, "ADJ", 3, "amod"),
                (noun, "NOUN", 4, "nsubj"),
                (verb, "VERB", 0, "root"),
                ("it", "PRON", 4, "obj"),
                (".", "PUNCT", 4, "punct"),
            ]
            lines = [
                f"{n}\t{w}\t{w}\t{pos}\t_\t_\t{head}\t{rel}\t_\t_" for n, (w, pos, head, rel) in enumerate(words, 1)
            ]
            blocks.append("\n".join(lines) + "\n")
            trees.append(f"(ROOT (S (NP-SBJ (DT {det}) (JJ {adj}) (NN {noun})) (VP (VBZ {verb}) (NP (PRP it))) (. .)))")
        (conllu / f"{name}.conllu").write_text("\n".join(blocks) + "\n")
        (ptb / f"{name}.ptb").write_text("\n".join(trees) + "\n")
        (folder / f"{split}.txt").write_text(name + "\n")
    return conllu, ptb
