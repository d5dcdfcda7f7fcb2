import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, DefaultDict, Dict, List

import pytest
from allennlp.data import Vocabulary
from allennlp.data.token_indexers import SingleIdTokenIndexer

from hmtl.corpora import JsonlCorpus, SquadCorpus
from hmtl.data.data_loaders.instance_columns import batch_of
from hmtl.document import Document, Relation, Span, write_jsonl
from hmtl.errors import ConfigurationError, DataError
from hmtl.tasks import QuestionReader
from hmtl.tasks.questions.question_sources import (
    AT_MOST_ONE,
    ONE,
    SEVERAL,
    Asked,
    ClusterQuestions,
    QuestionSource,
    RelationQuestions,
    SpanQuestions,
    TextQuestions,
)

SQUAD = Path(__file__).resolve().parents[2] / "fixtures" / "squad"
#             0       1      2    3     4       5     6     7      8     9
SENTENCES = [["Mara", "met", "a", "dog"], ["She", "fed", "it"], ["Then", "she", "slept"]]
DOCUMENT = Document(
    "d",
    SENTENCES,
    {
        "ner": [Span(0, 0, "PER"), Span(2, 3, "ANIMAL"), Span(2, 3, "PET"), Span(4, 4, "PER")],
        "emd": [Span(0, 0, "m"), Span(2, 3, "m"), Span(4, 4, "m")],
    },
    # The second one goes across sentences, the third begins where no mention is.
    [
        Relation((0, 0), (2, 3), "meets"),
        Relation((0, 0), (6, 6), "feeds"),
        Relation((5, 5), (6, 6), "feeds"),
        Relation((4, 4), (6, 6), "owns"),
    ],
    [[(0, 0), (4, 4), (8, 8)], [(2, 3), (6, 6)]],
)


def asked_of(source: QuestionSource) -> List[List[Asked]]:
    return [list(source.asked(window)) for window in source.windows(DOCUMENT)]


def test_a_label_of_spans_is_a_question_about_no_span() -> None:
    source = SpanQuestions(JsonlCorpus(), "ner", {"PER": "Who?", "ANIMAL": "Which animal?"}, window=2)
    assert asked_of(source) == [
        [Asked("PER", "Who?", None, [(0, 0), (4, 4)]), Asked("ANIMAL", "Which animal?", None, [(2, 3)])],
        [Asked("PER", "Who?", None, []), Asked("ANIMAL", "Which animal?", None, [])],
    ]
    first, second = source.windows(DOCUMENT)
    # What no question asks for stays gold.
    assert (len(source.gold(first)), source.num_not_asked(first)) == (4, 1)
    assert (second.first, second.length, source.gold(second)) == (7, 3, [])


def test_a_relation_is_a_question_about_its_first_argument() -> None:
    source = RelationQuestions(
        JsonlCorpus(), "emd", {"meets": "Whom did {head} meet?", "owns": "What is its?"}, window=1
    )
    first, second, third = asked_of(source)
    assert first == [
        Asked("meets", "Whom did Mara meet?", (0, 0), [(2, 3)]),
        Asked("owns", "What is its?", (0, 0), []),
        Asked("meets", "Whom did a dog meet?", (2, 3), []),
        Asked("owns", "What is its?", (2, 3), []),
    ]
    # Counted from the start of the sentence.
    assert second[1] == Asked("owns", "What is its?", (0, 0), [(2, 2)])
    assert third == []
    windows = list(source.windows(DOCUMENT))
    assert source.gold(windows[1]) == [Relation((0, 0), (2, 2), "owns"), Relation((1, 1), (2, 2), "feeds")]
    assert [source.num_not_asked(window) for window in windows] == [0, 1, 0]
    [whole] = RelationQuestions(JsonlCorpus(), "emd", {"meets": "Whom?"}).windows(DOCUMENT)
    assert len(source.gold(whole)) == 4


def test_a_mention_is_a_question_which_others_mean_the_same() -> None:
    source = ClusterQuestions(JsonlCorpus(), "Who else is {head}?")
    assert asked_of(source) == [
        [
            Asked("", "Who else is Mara?", (0, 0), [(4, 4), (8, 8)]),
            Asked("", "Who else is a dog?", (2, 3), [(6, 6)]),
            Asked("", "Who else is She?", (4, 4), [(0, 0), (8, 8)]),
            Asked("", "Who else is it?", (6, 6), [(2, 3)]),
            Asked("", "Who else is she?", (8, 8), [(0, 0), (4, 4)]),
        ]
    ]
    # Of the mentions of a layer those of no cluster are asked about, too, and others are not.
    source = ClusterQuestions(JsonlCorpus(), "Who else?", heads="ner", window=2, step=1)
    first, second = asked_of(source)
    assert [each[2:] for each in first] == [
        ((0, 0), [(4, 4)]),
        ((2, 3), [(6, 6)]),
        ((4, 4), [(0, 0)]),
    ]
    assert [each[2:] for each in second] == [((0, 0), [(4, 4)])]
    for window in source.windows(DOCUMENT):
        assert source.gold(window) == DOCUMENT.clusters


@pytest.mark.parametrize(
    "window,step,starts",
    [(None, None, [0]), (1, None, [0, 4, 7]), (2, None, [0, 7]), (2, 1, [0, 4]), (3, 1, [0]), (9, 2, [0])],
)
def test_windows(window: Any, step: Any, starts: List[int]) -> None:
    windows = list(ClusterQuestions(JsonlCorpus(), "Who?", None, window, step).windows(DOCUMENT))
    assert [each.first for each in windows] == starts
    assert {token for each in windows for sentence in each.sentences for token in sentence} == {*DOCUMENT.tokens}


def test_a_question_of_squad_has_one_answer_or_none() -> None:
    corpus = SquadCorpus()
    document = next(iter(corpus.documents(str(SQUAD / "train.json"))))
    assert TextQuestions(corpus).number_of_answers == AT_MOST_ONE
    source = TextQuestions(corpus, unanswerable=False)
    assert source.number_of_answers == ONE
    [window] = source.windows(document)
    assert list(source.asked(window))[1:3] == [
        Asked("l2", "When was Mara Lind born?", None, [(7, 7), (6, 7)]),
        Asked("l3", "Who is Mara's husband?", None, [(23, 24), (20, 24)]),
    ]
    assert source.gold(window)["l2"] == ["1961", "in 1961"]
    assert source.gold(window)["l4"] == []


@pytest.fixture
def reader() -> QuestionReader:
    sources = {
        "names": SpanQuestions(JsonlCorpus(), "ner", {"PER": "Who is it?", "ANIMAL": "Which animal?"}, window=2),
        "squad": TextQuestions(SquadCorpus()),
        "links": ClusterQuestions(JsonlCorpus(), "Who else is it?", heads="emd"),
    }
    return QuestionReader(sources, token_indexers={"tokens": SingleIdTokenIndexer()})


def path_of(tmp_path: Path, document: Document = DOCUMENT) -> str:
    write_jsonl([document], tmp_path / "d.jsonl")
    return json.dumps({"names": f"{tmp_path}/d.jsonl", "squad": f"{SQUAD}/dev.json", "links": f"{tmp_path}/d.jsonl"})


def test_instances_become_batches_with_each_distinct_question_once(reader: QuestionReader, tmp_path: Path) -> None:
    instances = list(reader.read(path_of(tmp_path)))
    assert [instance["metadata"]["source"] for instance in instances] == ["names", "names", "squad", "links"]
    # Batches are sorted by words, not by sentences.
    assert [len(instance["text"]) for instance in instances] == [7, 3, 20, 10]
    counts: DefaultDict[str, Any] = defaultdict(Counter)
    for instance in instances:
        instance.count_vocab_items(counts)  # type: ignore[arg-type]
    assert dict(counts["question_labels"]) == {"Who is it?": 2, "Which animal?": 2}
    assert (counts["tokens"]["animal"], counts["tokens"]["?"]) == (2, 8)
    vocab = Vocabulary(counts)
    batch = batch_of(instances, vocab)
    # Who is it? Which animal? Three of SQuAD's. Who else is it?
    texts = batch["questions"]["texts"]["tokens"]["tokens"]
    assert texts.shape == (6, 6)
    numbers = batch["questions"]["numbers"].tolist()
    assert numbers[0] == numbers[1] == [numbers[0][0], numbers[0][1], -1]
    assert len({number for row in numbers for number in row}) == 7
    words = [[vocab.get_token_from_index(index) for index in row if index] for row in texts.tolist()]
    asked = [[" ".join(words[number]) for number in row if number >= 0] for row in numbers]
    assert asked == [
        ["Who is it ?", "Which animal ?"],
        ["Who is it ?", "Which animal ?"],
        ["When did Tom Lind come ?", "Who taught him to bake ?", "Who is Ole 's wife ?"],
        ["Who else is it ?"],
    ]
    assert batch["pairs"][0].tolist() == [[0, -1, -1, SEVERAL], [1, -1, -1, SEVERAL], [-1, -1, -1, -1]]
    assert batch["pairs"][3].tolist() == [[0, 0, 0, SEVERAL], [0, 2, 3, SEVERAL], [0, 4, 4, SEVERAL]]
    assert batch["answers"][0].tolist()[:4] == [[0, 0, 0], [0, 4, 4], [1, 2, 3], [-1, -1, -1]]
    assert batch["metadata"][0]["answers"] == [
        Span(0, 0, "Who is it?"),
        Span(2, 3, "Which animal?"),
        Span(4, 4, "Who is it?"),
    ]
    assert batch["metadata"][0]["labels"] == ["PER", "ANIMAL"]
    assert reader.counts["gold items of 'names' that no question asks for"] == 1


def test_a_row_without_a_question_keeps_its_gold(tmp_path: Path) -> None:
    source = RelationQuestions(JsonlCorpus(), "empty", {"meets": "Whom?"}, window=1)
    document = Document("d", SENTENCES, {"empty": []}, DOCUMENT.relations)
    write_jsonl([document], tmp_path / "d.jsonl")
    reader = QuestionReader({"a": source}, token_indexers={"tokens": SingleIdTokenIndexer()})
    instances = list(reader.read(json.dumps({"a": f"{tmp_path}/d.jsonl"})))
    # The third sentence has nothing that counts.
    assert [(len(each["metadata"]["gold"]), len(each["pairs"])) for each in instances] == [(1, 0), (2, 0)]
    batch = batch_of(instances, Vocabulary.from_instances(instances))
    assert batch["pairs"].shape == (2, 0, 4) and batch["answers"].shape == (2, 0, 3)


@pytest.mark.parametrize("missing", ["ner", "emd", "clusters"])
def test_a_document_without_the_layer_is_refused(reader: QuestionReader, tmp_path: Path, missing: str) -> None:
    spans = {layer: spans for layer, spans in DOCUMENT.spans.items() if layer != missing}
    document = Document("d", SENTENCES, spans, None, None if missing == "clusters" else DOCUMENT.clusters)
    with pytest.raises(DataError, match=f"document 'd' has no layer '{missing}'"):
        list(reader.read(path_of(tmp_path, document)))


def _sources(**options: Any) -> Dict[str, Any]:
    return {"type": "spans", "corpus": "jsonl", "layer": "ner", "questions": {"PER": "Who?"}, **options}


@pytest.mark.parametrize(
    "options,message",
    [
        ({"questions": {}}, "none is named"),
        ({"questions": {"PER": "Who? "}}, "the question of 'PER' is 'Who\\? '; expected a text without blanks"),
        ({"questions": {"PER": "Who?", "ORG": "Who?"}}, "two labels have the same question"),
        ({"window": 0}, "window is 0"),
        ({"step": 1}, "step is 1; it must be at least 1 and at most window, which is None"),
        ({"window": 2, "step": 3}, "step is 3"),
    ],
)
def test_sources_that_cannot_be(options: Dict[str, Any], message: str) -> None:
    options = {**_sources(), **options}
    options.pop("type")
    options["corpus"] = JsonlCorpus()
    with pytest.raises(ConfigurationError, match=message):
        SpanQuestions(**options)


def test_a_reader_without_a_source_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="sources is empty"):
        QuestionReader({})
