from collections import defaultdict
from pathlib import Path

import pytest
from allennlp.data.dataset_readers.dataset_utils.span_utils import bio_tags_to_spans

from hmtl.corpora import OntonotesCorpus
from hmtl.errors import DataError

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "ontonotes"
ROW = "{id}   0   0   {word}   NN   *   -   -   -   {speaker}   {entity}   *   {coreference}"


def write(path: Path, doc_id: str, *rows: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    body = "\n".join(rows)
    path.write_text(f"#begin document ({doc_id}); part 000\n{body}\n\n#end document\n", encoding="utf-8")
    return path


def row(word: str, entity: str = "*", coreference: str = "-", speaker: str = "-") -> str:
    return ROW.format(id="x", word=word, entity=entity, coreference=coreference, speaker=speaker)


def read(path, **options) -> list:
    return list(OntonotesCorpus(**options).documents(str(path)))


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_words_entities_speakers_and_clusters_are_those_that_allennlp_reads(split):
    file = FIXTURES / f"{split}.v4_gold_conll"
    documents = read(file)
    reader = pytest.importorskip("allennlp_models.common.ontonotes").Ontonotes()
    references = list(reader.dataset_document_iterator(str(file)))
    assert len(documents) == len(references) > 0
    for document, sentences in zip(documents, references):
        assert document.doc_key == f"{sentences[0].document_id}_{sentences[0].sentence_id:03d}"
        assert document.sentences == [sentence.words for sentence in sentences]
        clusters = defaultdict(set)
        for first, entities, sentence in zip(document.sentence_starts, document.spans_by_sentence("ner"), sentences):
            expected = {(label, bounds) for label, bounds in bio_tags_to_spans(sentence.named_entities)}
            assert {(span.label, span.bounds) for span in entities} == expected
            for cluster, (start, end) in sentence.coref_spans:
                clusters[cluster].add((first + start, first + end))
        assert sorted(document.clusters) == sorted(sorted(cluster) for cluster in clusters.values())
        speakers = [[speaker or "-" for speaker in sentence.speakers] for sentence in sentences]
        known = any(speaker != "-" for sentence in speakers for speaker in sentence)
        assert document.metadata == ({"speakers": speakers} if known else {})


def test_the_training_fixture():
    first, second = read(FIXTURES / "train.v4_gold_conll")
    assert first.doc_key == "nw/tiny/00/tiny_0001_000"
    assert [len(sentence) for sentence in first.sentences] == [13, 8, 1, 10]
    assert first.spans["ner"][0] == (0, 1, "PERSON")
    assert first.clusters == [[(0, 7), (9, 9)], [(9, 11), (13, 13)], [(16, 17), (22, 23), (25, 25)]]
    assert first.metadata["speakers"][1] == ["tom#1"] * 8
    assert first.relations is None
    assert second.clusters == []
    assert second.metadata == {}


def test_escaped_punctuation_stays_unless_asked():
    words = read(FIXTURES / "train.v4_gold_conll")[1].sentences[1]
    assert words[-1] == "/."
    unescaped = read(FIXTURES / "train.v4_gold_conll", unescape=True)[1].sentences[1]
    assert unescaped == words[:-1] + ["."]


@pytest.mark.parametrize(
    "word, expected", [("/.", "."), ("/?", "?"), ("/-", "-"), ("/", "/"), ("a/.", "a/."), ("/x", "/x"), ("/..", "/..")]
)
def test_only_a_slash_before_one_punctuation_mark_is_removed(word, expected, tmp_path):
    [document] = read(write(tmp_path / "a.gold_conll", "nw/a", row(word)), unescape=True)
    assert document.sentences == [[expected]]


def test_a_directory_is_walked_and_parts_of_it_left_out(tmp_path):
    # The fragment in the path above the corpus must not count.
    root = tmp_path / "pt" / "train"
    write(root / "nw" / "b.v4_gold_conll", "nw/b", row("b"))
    write(root / "nw" / "a.gold_conll", "nw/a", row("a"))
    write(root / "pt" / "c.v4_gold_conll", "pt/c", row("c"))
    write(root / "pt" / "d.v4_gold_conll", "unnamed", row("d"))
    write(root / "bc" / "e.v4_gold_conll", "opt/pt/e", row("e"))
    write(root / "bc" / "f.v4_gold_conll", "opt/f", row("f"))
    write(root / "bc" / "g.gold_skel", "bc/g", row("g"))

    def names(**options):
        return [document.doc_key[: -len("_000")] for document in read(root, **options)]

    assert names() == ["opt/pt/e", "opt/f", "nw/a", "nw/b", "pt/c", "unnamed"]
    assert names(exclude=["/pt/"]) == ["opt/f", "nw/a", "nw/b"]
    assert names(exclude=["/pt/", "/nw/"]) == ["opt/f"]
    with pytest.raises(DataError, match="no documents found"):
        read(root / "pt" / "c.v4_gold_conll", exclude=["/pt/"])


def test_documents_in_one_file_are_left_out_by_their_names(tmp_path):
    first = write(tmp_path / "a", "pt/nt/40", row("a")).read_text()
    second = write(tmp_path / "b", "nw/x", row("b")).read_text()
    (tmp_path / "all.gold_conll").write_text(first + second)
    assert [document.doc_key for document in read(tmp_path / "all.gold_conll", exclude=["/pt/"])] == ["nw/x_000"]


def test_clusters_reach_over_sentences_but_not_over_parts(tmp_path):
    part = "\n".join([row("Ann", coreference="(4)"), "", row("her", coreference="(4)"), "", "#end document", ""])
    file = tmp_path / "a.gold_conll"
    file.write_text("".join(f"#begin document (x); part {number}\n{part}" for number in ("000", "001")))
    assert [document.clusters for document in read(file)] == [[[(0, 0), (1, 1)]]] * 2


@pytest.mark.parametrize(
    "bad, message",
    [
        ("x 0 0 word NN", "expected at least 12 columns, found 5"),
        (row("b") + "   -", "expected 13 columns as in the first row of the sentence, found 14"),
        (row("b", entity="*)"), r"'\*\)' closes a span that no row above opened"),
        (row("b", entity="GPE"), "expected a cell such as .*found 'GPE'"),
        (row("b", coreference="2)"), r"'2\)' closes a mention that no row above opened"),
        (row("b", coreference="2"), "expected a coreference cell such as .*found '2'"),
        (row("b", coreference="(2"), r"'\(2' is not closed in its sentence"),
    ],
)
def test_a_malformed_row_is_refused_with_its_place(bad, message, tmp_path):
    file = write(tmp_path / "a.gold_conll", "nw/a", row("a"), bad)
    for path in (file, tmp_path):
        with pytest.raises(DataError, match=message) as error:
            read(path)
        assert str(error.value).startswith(f"{file}:3: ")
