"""Hand-made treebanks: a sentence is a few lines of words, with brackets."""

from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from hmtl.corpora.conllu import read_conllu
from hmtl.corpora.constituents import read_brackets
from hmtl.corpora.treebank import Sentence

# The words of a sentence, `form UPOS XPOS features head relation`, and its brackets.
HandMade = Tuple[str, Optional[str]]

SHE_SLEEPS = (
    """She PRON PRP Number=Sing 2 nsubj
       sleeps VERB VBZ Tense=Pres|VerbForm=Fin 0 root
       . PUNCT . _ 2 punct""",
    "(ROOT (S (NP-SBJ (PRP She)) (VP (VBZ sleeps)) (. .)))",
)
DOGS_HAVE_BITTEN_A_MAN = (
    """The DET DT _ 2 det
       dogs NOUN NNS Number=Plur 5 nsubj
       in ADP IN _ 4 case
       Rome PROPN NNP Number=Sing 2 nmod
       bitten VERB VBN Tense=Past|VerbForm=Part 0 root
       have AUX VBP Tense=Pres|VerbForm=Fin 5 aux
       a DET DT _ 8 det
       man NOUN NN Number=Sing 5 obj
       . PUNCT . _ 5 punct""",
    """(ROOT (S (NP-SBJ (NP (DT The) (NNS dogs)) (PP (IN in) (NP (NNP Rome))))
      (VP (VBN bitten) (VBP have) (NP (DT a) (NN man))) (. .)))""",
)
SHE_SANG_BUT_I_LEFT = (
    """Suddenly ADV RB _ 3 advmod
       she PRON PRP Number=Sing 3 nsubj
       sang VERB VBD Tense=Past|VerbForm=Fin 0 root
       , PUNCT , _ 7 punct
       but CCONJ CC _ 7 cc
       I PRON PRP Number=Sing 7 nsubj
       left VERB VBD Tense=Past|VerbForm=Fin 3 conj
       . PUNCT . _ 3 punct""",
    """(ROOT (S (S (ADVP (RB Suddenly)) (NP (PRP she)) (VP (VBD sang))) (, ,) (CC but)
      (S (NP (PRP I)) (VP (VBD left))) (. .)))""",
)


def to_conllu(words: str) -> str:
    lines = []
    for index, line in enumerate(words.strip().splitlines(), start=1):
        form, upos, xpos, features, head, relation = line.split()
        lines.append("\t".join((str(index), form, form.lower(), upos, xpos, features, head, relation, "_", "_")))
    return "\n".join(lines) + "\n\n"


def write_treebank(folder: Path, documents: Dict[str, Sequence[HandMade]]) -> Tuple[Path, Path]:
    """Writes `dep/NAME.conllu` and `const/NAME.ptb` for each document; returns the two directories."""
    conllu, ptb = folder / "dep", folder / "const"
    conllu.mkdir(parents=True)
    ptb.mkdir()
    for name, sentences in documents.items():
        (conllu / f"{name}.conllu").write_text("".join(to_conllu(words) for words, _ in sentences), encoding="utf-8")
        (ptb / f"{name}.ptb").write_text("\n\n".join(str(tree) for _, tree in sentences) + "\n", encoding="utf-8")
    return conllu, ptb


def parsed(tmp_path: Path, *sentences: HandMade, trees: bool = True) -> List[Sentence]:
    """The sentences as they are read from files."""
    tmp_path.mkdir(exist_ok=True, parents=True)
    conllu, ptb = tmp_path / "x.conllu", tmp_path / "x.ptb"
    conllu.write_text("".join(to_conllu(words) for words, _ in sentences), encoding="utf-8")
    found = [sentence.tokens for sentence in read_conllu(conllu)]
    read = [None] * len(found)
    if trees:
        ptb.write_text("\n".join(str(tree) for _, tree in sentences), encoding="utf-8")
        read = [*read_brackets(ptb)]
    return [Sentence(tokens, tree, "x", number) for number, (tokens, tree) in enumerate(zip(found, read))]


def plain(words: str, document: str = "x") -> Tuple[str, Optional[str]]:
    """A sentence of given words `form/XPOS`, with the second as root; common nouns and verbs have their UPOS tags."""
    upos = {"NN": "NOUN", "NNS": "NOUN", "VB": "VERB", "VBD": "VERB", "VBZ": "VERB", "DT": "DET", ".": "PUNCT"}
    pairs = [word.rsplit("/", 1) for word in words.split()]
    lines = [
        f"{form} {upos.get(xpos, 'X')} {xpos} _ {0 if i == 1 else 2} {'root' if i == 1 else 'dep'}"
        for i, (form, xpos) in enumerate(pairs)
    ]
    return "\n".join(lines), "(ROOT (S " + " ".join(f"({xpos} {form})" for form, xpos in pairs) + "))"
