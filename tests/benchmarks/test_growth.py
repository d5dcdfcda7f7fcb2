"""The corpora that are compared are alike but for their size; nothing here is timed."""

import importlib
from pathlib import Path
from typing import Any, Dict, List

import pytest
from allennlp.data import Vocabulary
from allennlp.data.dataset_readers import MultiTaskDatasetReader

from hmtl.corpora import Corpus
from hmtl.corpora.ontonotes import OntonotesCorpus
from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.document import read_jsonl
from hmtl.tasks import CorefReader, TaggingReader

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def shapes(batch: Dict[str, Any]) -> List[Any]:
    text = batch["text"]["tokens"]["tokens"]
    return [text.shape, (text != 0).sum(), *(batch[name].shape for name in ("spans", "mentions") if name in batch)]


def test_copies_have_the_same_words_labels_and_lengths(fixtures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    growth = importlib.import_module("growth")
    path = str(fixtures / "ontonotes" / "train.v4_gold_conll")

    def loader_of(corpus: Corpus) -> PerTaskDataLoader:
        readers = {"ner": TaggingReader("ner", corpus=corpus), "coref": CorefReader(corpus=corpus)}
        loader = PerTaskDataLoader(MultiTaskDatasetReader(readers), path, batch_size=2)
        vocab = Vocabulary.from_instances(loader.iter_instances())
        loader.index_with(vocab)
        words.append(set(vocab.get_token_to_index_vocabulary("tokens")))
        return loader

    words: List[Any] = []
    once, thrice = loader_of(OntonotesCorpus()), loader_of(growth.RepeatedCorpus(OntonotesCorpus(), 3))
    assert words[0] == words[1]
    for task in once.tasks:
        number = len(once._lengths[task])
        assert thrice._lengths[task] == once._lengths[task] * 3
        batches = [thrice._batch(task, [0, number - 1], None)]
        batches += [thrice._batch(task, [copy * number, copy * number + number - 1], None) for copy in (1, 2)]
        assert all(shapes(batch) == shapes(once._batch(task, [0, number - 1], None)) for batch in batches)
    (few,) = growth.RepeatedCorpus(OntonotesCorpus(), 1, documents=1).documents(path)
    assert few.clusters == next(OntonotesCorpus().documents(path)).clusters


def test_a_generated_corpus_has_so_many_different_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    large_corpus = importlib.import_module("large_corpus")
    monkeypatch.setattr(large_corpus, "NUM_WORDS", 50)
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        large_corpus.write_corpus(tmp_path / folder, 47)
    one, other = ((tmp_path / folder / "train.jsonl").read_bytes() for folder in ("one", "other"))
    assert one == other
    documents = list(read_jsonl(tmp_path / "one" / "train.jsonl"))
    assert [len(document.sentences) for document in documents] == [20, 20, 7]
    sentences = [tuple(sentence) for document in documents for sentence in document.sentences]
    assert len(set(sentences)) == 47 and {len(sentence) for sentence in sentences} <= set(range(5, 36))
    for document in documents:
        assert len(document.spans["emd"]) == 3 * len(document.sentences)
        assert set(document.spans["ner"]) < set(document.spans["emd"])
        assert document.relations and all(len(cluster) > 1 for cluster in document.clusters or [])


def test_the_table_of_generated_sentences_says_how_many_times_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    table = importlib.import_module("large_corpus").table
    found = {
        name: {"seconds": {"reading": seconds}, "memory": {"held": 1.0}}
        for name, seconds in (("before", 6.0), ("now", 1.5))
    }
    assert [line.split() for line in table(found).splitlines()] == [
        ["before", "now", "times", "less"],
        ["reading", "(CPU", "s)", "6.00", "1.50", "4.00"],
        ["held", "(GB)", "1.00", "1.00", "1.00"],
    ]
