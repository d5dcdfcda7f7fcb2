import json
import re
import shutil
from argparse import ArgumentParser
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from hmtl.corpora import GumCorpus, JsonlCorpus
from hmtl.corpora.preparation.prepare import prepare
from hmtl.corpora.preparation.sources.gum_source import FREE_GENRES, NON_COMMERCIAL_GENRES, GumSource
from hmtl.corpora.validation import validate_corpus
from hmtl.errors import UserError


def source_of(*arguments: str) -> GumSource:
    parser = ArgumentParser()
    GumSource.add_arguments(parser)
    return GumSource.from_arguments(parser.parse_args(arguments))


def repository(folder: Path, fixtures: Path, splits: dict) -> Path:
    """GUM's repository, each of whose documents is the fixture `GUM_news_kettle` under another name."""
    for kind, place, suffix in (("dep", "dep", "conllu"), ("coref", "coref/ontogum/conll", "conll")):
        (folder / place).mkdir(parents=True)
        for name in (name for names in splits.values() for name in names):
            shutil.copy(fixtures / "gum" / kind / f"GUM_news_kettle.{suffix}", folder / place / f"{name}.{suffix}")
    text = "".join(f"## {split}\n\n" + "".join(f"  * {name}\n" for name in names) for split, names in splits.items())
    (folder / "splits.md").write_text(f"# Splits\n\nThe splits are these.\n\n{text}")
    return folder


SPLITS = {
    "dev": ["GUM_news_a", "GUM_fiction_b"],
    "test": ["GUM_bio_c"],
    "test2": ["GENTLE_legal_d"],
    "train": ["GUM_voyage_e", "GUM_reddit_f", "GUM_speech_g"],
}


def keys(source: GumSource) -> dict:
    return {split: [unit.key for unit in units] for split, units in source.splits().items()}


def test_the_repository_and_its_own_splits(tmp_path, fixtures):
    gum = repository(tmp_path / "gum", fixtures, SPLITS)
    source = source_of("--dir", str(gum))
    assert keys(source) == {"train": ["GUM_voyage_e"], "dev": ["GUM_news_a"], "test": ["GUM_bio_c"]}
    report = prepare(source, tmp_path / "out", jobs=0)
    assert {split: part.found["documents"] for split, part in report.splits.items()} == {
        "train": 1,
        "dev": 1,
        "test": 1,
    }
    assert report.to_json()["settings"]["genres"] == sorted(FREE_GENRES)


def test_genres(tmp_path, fixtures):
    gum = str(repository(tmp_path / "gum", fixtures, SPLITS))
    assert keys(source_of("--dir", gum, "--genres", "fiction", "news"))["dev"] == ["GUM_news_a", "GUM_fiction_b"]
    everything = keys(source_of("--dir", gum, "--genres", "all"))
    assert everything == {split: names for split, names in SPLITS.items() if split != "test2"}
    with pytest.raises(UserError, match="--genres poetry: expected some of bio, fiction, news, reddit, .*or 'all'"):
        source_of("--dir", gum, "--genres", "news", "poetry")
    assert not set(FREE_GENRES) & set(NON_COMMERCIAL_GENRES)


def test_texts_that_the_repository_does_not_have(tmp_path, fixtures):
    gum = repository(tmp_path / "gum", fixtures, SPLITS)
    for file in gum.rglob("GUM_reddit_f.con*"):
        lines = file.read_text().splitlines()
        rows = [line.split("\t") for line in lines]
        file.write_text("\n".join("\t".join([row[0], "_" * 3, *row[2:]]) if row[1:] else row[0] for row in rows) + "\n")
    report = prepare(source_of("--dir", str(gum), "--genres", "all"), tmp_path / "out", jobs=0)
    [skipped] = report.splits["train"].skipped
    assert skipped.unit == "GUM_reddit_f" and "get_text.py" in skipped.reason


def test_directories_that_are_not_gum(tmp_path):
    with pytest.raises(UserError, match="expected GUM's repository, with a directory 'dep'"):
        source_of("--dir", str(tmp_path))
    (tmp_path / "dep").mkdir()
    with pytest.raises(UserError, match="expected GUM's splits.md, or train.txt"):
        source_of("--dir", str(tmp_path))


def test_broken_files_among_good_ones(tmp_path, fixtures):
    names = [f"GUM_news_{letter}" for letter in "abcdefg"]
    gum = repository(tmp_path / "gum", fixtures, {"train": names, "dev": ["GUM_bio_x"], "test": ["GUM_bio_y"]})
    good = (gum / "dep" / "GUM_news_a.conllu").read_bytes()
    (gum / "dep" / "GUM_news_b.conllu").write_bytes(good[: len(good) * 2 // 3])
    (gum / "dep" / "GUM_news_c.conllu").write_bytes(good.replace(b"Ada", b"\xc4da"))
    (gum / "dep" / "GUM_news_d.conllu").write_bytes(b"")
    (gum / "coref" / "ontogum" / "conll" / "GUM_news_e.conll").unlink()
    (gum / "dep" / "GUM_news_f.conllu").unlink()
    (gum / "dep" / "GUM_news_f.conllu").mkdir()
    report = prepare(source_of("--dir", str(gum)), tmp_path / "out", jobs=2)
    reasons = {skipped.unit[-1]: skipped.reason for skipped in report.splits["train"].skipped}
    assert list(reasons) == list("bcdef")
    assert all("\n" not in reason and str(gum) in reason for reason in reasons.values())
    assert "not valid UTF-8" in reasons["c"] and "no sentences" in reasons["d"]
    assert reasons["e"].endswith("No such file or directory") and reasons["f"].endswith("Is a directory")
    read = [document.doc_key for document in JsonlCorpus().documents(tmp_path / "out" / "train.jsonl")]
    assert read == ["GUM_news_a", "GUM_news_g"]


# What follows counts the raw files without the project's readers.


def conllu_sentences(path: Path) -> list:
    """The ten columns of each token, sentence by sentence."""
    blocks = path.read_text(encoding="utf-8").split("\n\n")
    sentences = [[line.split("\t") for line in block.split("\n") if re.match(r"\d+\t", line)] for block in blocks]
    return [sentence for sentence in sentences if sentence]


def raw_spans(sentence: list) -> dict:
    """The sets of (start, end, type) of the layers, from the `Entity=` of a sentence."""
    opened, parts, mentions = defaultdict(list), defaultdict(list), []
    for position, row in enumerate(sentence):
        entity = dict(item.split("=", 1) for item in row[9].split("|") if "=" in item).get("Entity", "")
        for opening, content, closing in re.findall(r"(\(?)([^()]+)(\)?)", entity):
            group = content.split("-")[0]
            if opening:
                opened[group].append((position, content.split("-")))
            if closing:
                start, fields = opened[group].pop()
                covered = list(range(start, position + 1))
                if "[" in group:
                    name, (part, last) = group.split("[")[0], re.findall(r"\d+", group.split("[")[1])
                    parts[name] += covered
                    if part != last:
                        continue
                    covered = sorted(parts.pop(name))
                mentions.append((covered, fields[1], [int(number) for number in fields[5].split(",")]))
    layers = {"mentions": set(), "emd": set(), "ner": set()}
    for covered, etype, minspan in mentions:
        layers["mentions"].add((covered[0], covered[-1], etype))
        layers["emd"].add((covered[min(minspan) - 1], covered[max(minspan) - 1], etype))
        heads = [token for token in covered if int(sentence[token][6]) - 1 not in covered]
        if sentence[heads[0]][3] == "PROPN":
            layers["ner"].add((covered[0], covered[-1], etype))
    return layers


def raw_clusters(path: Path) -> dict:
    opened, clusters = defaultdict(list), defaultdict(set)
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    for position, row in enumerate(rows):
        for opening, number, closing in re.findall(r"(\(?)(\d+)(\)?)", row[-1] if len(row) == 3 else ""):
            if opening:
                opened[number].append(position)
            if closing:
                clusters[number].add((opened[number].pop(), position))
    return clusters


def test_the_real_corpus(shared_data, tmp_path):
    gum = shared_data / "gum"
    source = source_of("--dir", str(gum))
    report = prepare(source, tmp_path / "one", jobs=1)
    prepare(source_of("--dir", str(gum)), tmp_path / "two", jobs=2)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["dev.jsonl", "report.json", "test.jsonl", "train.jsonl"]
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in files)
    assert {split: part.found["documents"] for split, part in report.splits.items()} == {
        "train": 84,
        "dev": 12,
        "test": 12,
    }
    assert report.num_skipped == 0 and all(part.differing == [] for part in report.splits.values())

    for split, part in report.splits.items():
        expected, labels, clusters = Counter(), defaultdict(Counter), []
        for name in (gum / f"{split}.txt").read_text().split():
            sentences = conllu_sentences(gum / "dep" / f"{name}.conllu")
            expected["sentences"] += len(sentences)
            expected["tokens"] += sum(map(len, sentences))
            for sentence in sentences:
                for layer, spans in raw_spans(sentence).items():
                    labels[layer].update(etype for _, _, etype in spans)
            clusters += raw_clusters(gum / "coref" / f"{name}.conll").values()
        assert {name: part.found[name] for name in expected} == expected
        assert {layer: dict(part.counts.labels[layer]) for layer in labels} == labels
        in_split = {document.doc_key for document in JsonlCorpus().documents(tmp_path / "one" / f"{split}.jsonl")}
        lost = Counter(dropped.what for dropped in report.dropped if dropped.document in in_split)
        assert part.found["clusters"] == len(clusters) - lost["cluster"]
        # A cluster is dropped with the one mention that is left of it.
        assert part.found["mentions in clusters"] == sum(map(len, clusters)) - lost["mention"] - lost["cluster"]

    assert validate_corpus([tmp_path / "one"]).errors == []
    converted = [
        document for units in source.splits().values() for unit in units for document in source.convert(unit).documents
    ]
    read = [
        document for split in report.splits for document in JsonlCorpus().documents(tmp_path / "one" / f"{split}.jsonl")
    ]
    assert read == converted and len(read) == 108
    # What the corpus `gum` reads, but for the mentions in two clusters.
    changed = {dropped.document for dropped in report.dropped}
    as_gum = {document.doc_key: document for document in GumCorpus().documents(gum / "train.txt")}
    assert all(as_gum[d.doc_key] == d for d in read[:84] if d.doc_key not in changed) and 0 < len(changed) < 10
    assert json.loads((tmp_path / "one" / "report.json").read_text())["splits"]["dev"]["expected"] == {"documents": 12}
