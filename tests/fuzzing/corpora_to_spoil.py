"""A small corpus in each layout that hmtl reads or prepares, to be spoilt."""

import json
import shutil
from pathlib import Path
from typing import Callable, Dict

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"

_STREUSLE = """1|They|they|PRP|O|0|||x.1.1
2|gave|give|VBD|B-social|0||social|x.1.1
3|me|me|PRP|o|0|||x.1.1
4|a|a|DT|Ī|2|_||x.1.1
5|hand|hand|NN|Ī|4|_||x.1.1
6|at|at|IN|O-Location|0||Location|x.1.1

1|Well|well|UH|O-`i|0||`i|x.1.2

1|Go|go|VB|O-motion|0||motion|x.2.1
"""
_TREES = """(ROOT (S (NP-SBJ (NNP Ivy) (NNP Marlow)) (VP (VBD planted)
  (NP (PRP$ her) (NN garden)) (PP (IN near) (NP (NNP York)))) (. .)))
(ROOT (NP (NNS Roses)))
(ROOT (S (NP-SBJ (PRP She)) (VP (VBD loved) (NP (DT the) (NN garden))) (. .)))
"""
_ENTITIES = "The B-PER B-PER\nLord I-PER I-PER\nof O I-PER\nthe B-FAC I-PER\nmanor I-FAC I-PER\n\nHe O O\nslept O O\n"
_COREFERENCE = ["(0", "_", "_", "(1", "1)|0)", "(0)", "_"]
_ACE_TEXT = "<DOC>\n<BODY><TEXT>\nMara met Tom, AT&amp;T boss, in Oslo.\n</TEXT></BODY>\n</DOC>"
_ACE_MENTIONS = (
    ("E0", "PER", 2, 5, "Mara"),
    ("E1", "PER", 11, 13, "Tom"),
    ("E2", "ORG", 16, 23, "AT&amp;T"),
    ("E3", "GPE", 34, 37, "Oslo"),
)


def _jsonl(folder: Path) -> None:
    shutil.copy(FIXTURES / "jsonl" / "train.jsonl", folder / "a.jsonl")


def _redocred(folder: Path) -> None:
    shutil.copy(FIXTURES / "redocred" / "train.json", folder / "a.json")


def _copied(name: str) -> Callable[[Path], None]:
    def copy(folder: Path) -> None:
        shutil.copy(FIXTURES / name, folder / Path(name).name)

    return copy


def _gum(folder: Path) -> None:
    shutil.copytree(FIXTURES / "gum", folder, dirs_exist_ok=True)


def _gum_layers(folder: Path) -> None:
    for kind, name in (("dep", "GUM_bio_garden.conllu"), ("coref", "GUM_bio_garden.conll")):
        (folder / kind).mkdir()
        shutil.copy(FIXTURES / "gum" / kind / name, folder / kind)
    (folder / "const").mkdir()
    (folder / "const" / "GUM_bio_garden.ptb").write_text(_TREES)
    (folder / "train.txt").write_text("GUM_bio_garden\n")


def _streusle(folder: Path) -> None:
    (folder / "streusle.tags").write_text(_STREUSLE.replace("|", "\t"), encoding="utf-8")
    (folder / "splits").mkdir()
    (folder / "splits" / "part.sentids").write_text("x.2.1\nx.1.1\n")


def _ace05(folder: Path) -> None:
    shutil.copytree(FIXTURES / "ace05", folder, dirs_exist_ok=True)


def _ace04(folder: Path) -> None:
    documents, splits = folder / "data" / "English" / "bnews", folder / "splits"
    documents.mkdir(parents=True)
    splits.mkdir()
    entities = ""
    for name, label, start, end, text in _ACE_MENTIONS:
        charseq = f'<charseq START="{start}" END="{end}">{text}</charseq>'
        entities += (
            f'<entity ID="{name}" TYPE="{label}"><entity_mention ID="{name}-1" TYPE="NAM"><extent>{charseq}</extent>\n'
            f"<head>{charseq}</head></entity_mention></entity>\n"
        )
    relation = (
        '<relation ID="R1" TYPE="PER-SOC"><relation_mention ID="R1-1">\n<rel_mention_arg ENTITYMENTIONID="E0-1" '
        'ARGNUM="1"/>\n<rel_mention_arg ENTITYMENTIONID="E1-1" ARGNUM="2"/></relation_mention></relation>\n'
    )
    annotation = f'<source_file URI="X"><document DOCID="X">\n{entities}{relation}</document></source_file>\n'
    for name, split in (("a", "train"), ("b", "dev"), ("c", "test")):
        (documents / f"{name}.sgm").write_text(_ACE_TEXT)
        (documents / f"{name}.apf.xml").write_text(f'<?xml version="1.0"?>\n{annotation}')
        (splits / f"{split}.txt").write_text(f"{name}\n")


def _release(folder: Path) -> None:
    for name in ("ldc", "lists"):
        shutil.copytree(FIXTURES / "ontonotes_release" / name, folder / name)


def _columns(folder: Path) -> None:
    shutil.copytree(FIXTURES / "ontonotes_release" / "conll-2012", folder, dirs_exist_ok=True)


def _three(source: str, *names: str) -> Callable[[Path], None]:
    def copy(folder: Path) -> None:
        for name, split in zip(names, ("train", "dev", "test")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(FIXTURES / source.format(split), folder / name)

    return copy


def _scierc(folder: Path) -> None:
    _three("jsonl/{}.jsonl", "json/train.jsonl", "json/dev.jsonl", "json/test.jsonl")(folder)
    for file in sorted((folder / "json").iterdir()):
        file.rename(file.with_suffix(".json"))


def _wnut(folder: Path) -> None:
    for split, name in (
        ("train", "wnut17train.conll"),
        ("dev", "emerging.dev.conll"),
        ("test", "emerging.test.annotated"),
    ):
        rows = [line.split() for line in (FIXTURES / "conll2003" / f"{split}.txt").read_text().splitlines()]
        words = "\n".join(f"{row[0]}\t{row[-1]}" if row else "" for row in rows if row[:1] != ["-DOCSTART-"])
        (folder / name).write_text(words + "\n")


def _litbank(folder: Path) -> None:
    for name in ("entities/tsv", "coref/conll", "folds/0"):
        (folder / name).mkdir(parents=True)
    words = [line.split()[0] if line else "" for line in _ENTITIES.splitlines()]
    for split, name in (("train", "77_the_manor_brat"), ("dev", "8_dev_brat"), ("test", "9_test_brat")):
        cells = iter(_COREFERENCE)
        rows = ["\t".join([name, "0", "0", word, *"_" * 8, next(cells)]) if word else "" for word in words]
        text = "\n".join([f"#begin document ({name}); part 0", *rows, "#end document", ""])
        (folder / "coref" / "conll" / f"{name}.conll").write_text(text)
        (folder / "entities" / "tsv" / f"{name}.tsv").write_text(_ENTITIES.replace(" ", "\t"))
        (folder / "folds" / "0" / f"{split}.ids").write_text(f"{name}.tsv\n")


def _labelled(folder: Path) -> None:
    for name in ("sts_b.tsv", "snli.jsonl", "topics.csv"):
        shutil.copy(FIXTURES / "labelled" / name, folder / name)


def _texts(folder: Path) -> None:
    records = [
        {"doc_key": "a", "text": "Mara Lind met her brother Tom in Oslo. He works for Fjord Line."},
        {"doc_key": "b", "sentences": [["She", "left", "Rome", "."], ["Tom", "stayed", "."]]},
    ]
    (folder / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


MAKERS: Dict[str, Callable[[Path], None]] = {
    "jsonl": _jsonl,
    "redocred": _redocred,
    "squad": _copied("squad/train.json"),
    "conll2003": _copied("conll2003/train.txt"),
    "ontonotes": _copied("ontonotes/train.v4_gold_conll"),
    "ace_conll": _copied("ace/train.like_conll"),
    "gum": _gum,
    "gum_layers": _gum_layers,
    "streusle": _streusle,
    "ace05": _ace05,
    "labelled": _labelled,
    "prepare conll2003": _three("conll2003/{}.txt", "eng.train", "eng.testa", "eng.testb"),
    "prepare wnut17": _wnut,
    "prepare redocred": _three("redocred/{}.json", "train_revised.json", "dev_revised.json", "test_revised.json"),
    "prepare scierc": _scierc,
    "prepare gum": _gum,
    "prepare litbank": _litbank,
    "prepare ace05": _ace05,
    "prepare ace04": _ace04,
    "prepare ontonotes release": _release,
    "prepare ontonotes columns": _columns,
    "predictor": _texts,
}
