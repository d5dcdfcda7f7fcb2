"""Batches from columns are those that AllenNLP makes of the same instances, tensor by tensor."""

import ctypes
import pickle
import random
import weakref
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterable, List, Sequence

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import sanitize
from allennlp.data import Batch, Instance, TokenIndexer, Vocabulary
from allennlp.data.dataset_readers import MultiTaskDatasetReader
from allennlp.data.fields import Field, LabelField, ListField, MetadataField, TensorField, TextField
from allennlp.data.token_indexers import (
    ELMoTokenCharactersIndexer,
    PretrainedTransformerMismatchedIndexer,
    SingleIdTokenIndexer,
    TokenCharactersIndexer,
)
from allennlp.data.tokenizers import CharacterTokenizer, PretrainedTransformerTokenizer, Token

from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.data.data_loaders.instance_columns import ColumnBuilder, IndexedInstances, batch_of
from hmtl.data.fields import LabelledIndicesField, WordsField
from hmtl.data.token_indexers import TransformerIndexer, WordCutter
from hmtl.document import Document, Relation, Span, write_jsonl
from hmtl.errors import UserError
from hmtl.tasks import CorefReader, RelationReader, TaggingReader

WORDS = ["rain", "Rain", "a", "naïve", "x" * 60, "met", ".", "北京", "zzyzx"]


class LengthIndexer(SingleIdTokenIndexer):
    """An indexer that hmtl has never heard of: numbers that depend on the sequence."""

    def tokens_to_indices(self, tokens: List[Token], vocabulary: Vocabulary) -> Dict[str, List[int]]:
        return {"tokens": [len(tokens)] * len(tokens), "lengths": [len(token.text or "") for token in tokens]}

    def get_empty_token_list(self) -> Dict[str, List[Any]]:
        return {"tokens": [], "lengths": []}


def indexers_of(name: str, folder: str) -> Dict[str, TokenIndexer]:
    words = {"tokens": SingleIdTokenIndexer(lowercase_tokens=True)}
    made: Dict[str, Dict[str, Any]] = {
        "words": {"tokens": SingleIdTokenIndexer()},
        "words and characters": {**words, "token_characters": TokenCharactersIndexer(min_padding_length=3)},
        "least lengths": {
            "tokens": SingleIdTokenIndexer(token_min_padding_length=9),
            "token_characters": TokenCharactersIndexer(min_padding_length=70, token_min_padding_length=9),
            "elmo": ELMoTokenCharactersIndexer(token_min_padding_length=9),
        },
        "elmo": {"elmo": ELMoTokenCharactersIndexer()},
        "elmo with tokens of its own": {"elmo": ELMoTokenCharactersIndexer(tokens_to_add={"rain": 5})},
        "transformer": {**words, "transformer": PretrainedTransformerMismatchedIndexer(folder, max_length=8)},
        "transformer without segments": {"transformer": PretrainedTransformerMismatchedIndexer(folder)},
        "transformer of a least length": {
            "transformer": PretrainedTransformerMismatchedIndexer(folder, token_min_padding_length=30)
        },
        "own transformer": {**words, "transformer": TransformerIndexer(folder, max_length=8, stride=2)},
        "own transformer without parts": {"transformer": TransformerIndexer(folder)},
        "own transformer of a least length": {"transformer": TransformerIndexer(folder, token_min_padding_length=30)},
        "one namespace": {
            "tokens": SingleIdTokenIndexer(lowercase_tokens=True),
            "cased": SingleIdTokenIndexer(),
            "characters": TokenCharactersIndexer(namespace="tokens", min_padding_length=1),
        },
        "marked ends": {
            "tokens": SingleIdTokenIndexer(start_tokens=["<s>"], end_tokens=["</s>"]),
            "characters": TokenCharactersIndexer(start_tokens=["<s>"], min_padding_length=2),
        },
        "bytes": {
            "characters": TokenCharactersIndexer(
                character_tokenizer=CharacterTokenizer(byte_encoding="utf-8", start_tokens=[258]), min_padding_length=2
            ),
            "lowercase": TokenCharactersIndexer(
                "lower", character_tokenizer=CharacterTokenizer(lowercase_characters=True), min_padding_length=2
            ),
        },
        "another": {"lengths": LengthIndexer(), **words},
    }
    return made[name]


INDEXERS = [
    "words",
    "words and characters",
    "least lengths",
    "elmo",
    "elmo with tokens of its own",
    "transformer",
    "transformer without segments",
    "transformer of a least length",
    "own transformer",
    "own transformer without parts",
    "own transformer of a least length",
    "one namespace",
    "marked ends",
    "bytes",
    "another",
]


def documents() -> List[Document]:
    """Documents of one to five sentences of one to seven words, some without any annotation."""
    generator = random.Random(3)
    made = []
    for number in range(9):
        sentences = [generator.choices(WORDS, k=generator.randint(1, 7)) for _ in range(generator.randint(1, 5))]
        starts = [sum(map(len, sentences[:n])) for n in range(len(sentences))]
        ner, relations, mentions = [], [], []
        for start, sentence in zip(starts, sentences):
            last = start + len(sentence) - 1
            if generator.random() < 0.6:
                ner.append(Span(start, generator.randint(start, last), generator.choice("XY")))
                relations.append(Relation((start, start), (last, last), generator.choice("RS")))
                mentions.append((start, last))
        clusters = [mentions[::2], mentions[1::2]]
        made.append(Document(f"d{number}", sentences, {"ner": ner}, relations, [c for c in clusters if c]))
    return made


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("instances") / "documents.jsonl"
    write_jsonl(documents(), path)
    return str(path)


def plain(instance: Instance) -> Instance:
    """The same instance with AllenNLP's own text fields."""

    def text_of(field: Any) -> Field:
        if isinstance(field, ListField):
            return ListField([text_of(inner) for inner in field])
        return TextField([Token(word) for word in field.words], field.token_indexers)

    return Instance({name: text_of(field) if name == "text" else field for name, field in instance.fields.items()})


def assert_same(found: Any, expected: Any) -> None:
    if isinstance(expected, torch.Tensor):
        assert found.dtype == expected.dtype
        assert torch.equal(found, expected)
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            assert_same(found[key], expected[key])
    else:
        assert found == expected


READERS = {
    "tagging": lambda **options: TaggingReader("ner", **options),
    "relation": RelationReader,
    "coref": CorefReader,
    "coref, one sequence": lambda **options: CorefReader(one_sequence=True, **options),
}


@pytest.mark.parametrize("name", INDEXERS)
@pytest.mark.parametrize("kind", READERS)
def test_batches_are_those_of_allennlp(path: str, transformer: str, name: str, kind: str) -> None:
    reader = READERS[kind](token_indexers=indexers_of(name, transformer))
    expected = [plain(instance) for instance in reader.read(path)]
    min_count = {"tokens": 2} if "tokens" in reader.token_indexers else {}
    vocab = Vocabulary.from_instances(expected, min_count=min_count)
    indexed_vocab = Vocabulary.from_instances(reader.read(path), min_count=min_count)
    assert indexed_vocab._token_to_index == vocab._token_to_index
    builder = ColumnBuilder()
    # The words of another task come first.
    other = reader.text_to_instance([["Other", "rain"]])
    reader.apply_token_indexers(other)
    IndexedInstances([other], builder)
    indexed = IndexedInstances(reader.read(path), builder)
    builder.finish(vocab)
    indexed.finish(vocab)
    generator = random.Random(5)
    numbers = range(len(expected))
    for indices in [[0], list(numbers), *(generator.sample(numbers, size) for size in (1, 2, 3, 4, 5, 6))]:
        batch = Batch([expected[index] for index in indices])
        batch.index_instances(vocab)
        assert_same(indexed.batch(indices), batch.as_tensor_dict())
    assert_same(batch_of(list(reader.read(path))[:3], vocab), indexed.batch([0, 1, 2]))


def other_fields(number: int) -> Dict[str, Field]:
    """Fields that hmtl's readers do not make."""
    return {
        "text": TextField([Token(word) for word in WORDS[: number + 1]], {"words": SingleIdTokenIndexer()}),
        "label": LabelField("even" if number % 2 == 0 else "odd"),
        "matrix": TensorField(torch.ones(number + 1, number + 2), padding_value=-3),
        "scores": TensorField(torch.arange(number).float(), padding_value=0.5),
        "flags": TensorField(torch.ones(number, 2, dtype=torch.bool), padding_value=False),
        "scalar": TensorField(torch.tensor(number)),
        "triples": LabelledIndicesField([(1, 2, 3)] * number, ["a"] * number, "a_labels", row_length=3),
        "list": ListField([LabelField(n, skip_indexing=True) for n in range(number + 1)]),
        "metadata": MetadataField(number),
    }


def test_fields_of_any_kind() -> None:
    vocab = Vocabulary.from_instances([Instance(other_fields(number)) for number in range(4)])
    builder = ColumnBuilder()
    indexed = IndexedInstances([Instance(other_fields(number)) for number in range(4)], builder)
    builder.finish(vocab)
    indexed.finish(vocab)
    for indices in ([0], [1, 3], [3, 2, 1, 0]):
        batch = Batch([Instance(other_fields(number)) for number in indices])
        batch.index_instances(vocab)
        assert_same(indexed.batch(indices), batch.as_tensor_dict())
    assert indexed.metadata([2, 0]) == [2, 0]


def test_tensors_keep_their_type_where_later_ones_have_other_shapes() -> None:
    tensors = [torch.tensor([1, 2]), torch.tensor([3]), torch.ones(1, 2, dtype=torch.long)]
    indexed = IndexedInstances([Instance({"values": TensorField(each)}) for each in tensors], ColumnBuilder())
    indexed.finish(Vocabulary())
    assert_same(indexed.batch([0, 1])["values"], torch.tensor([[1, 2], [3, 0]]))


def test_instances_with_other_fields_are_refused() -> None:
    indexers: Dict[str, TokenIndexer] = {"words": SingleIdTokenIndexer()}
    one = Instance({"text": WordsField(["a"], indexers)})
    for field in ({"words": WordsField(["a"], indexers)}, {"text": TextField([Token("a")], indexers)}):
        with pytest.raises(ConfigurationError, match="all instances of a task must have the same fields"):
            IndexedInstances([one, Instance(field)], ColumnBuilder())


def test_words_field_is_a_text_field() -> None:
    words = ["It", "rains"]
    field = WordsField(words, {"tokens": SingleIdTokenIndexer(), "lengths": LengthIndexer()})
    as_tokens = TextField([Token(word) for word in words], field.token_indexers)
    vocab = Vocabulary(tokens_to_add={"tokens": words})
    for each in (field, as_tokens):
        each.index(vocab)
        assert len(each) == each.sequence_length() == 2
        assert [token.text for token in each] == words and each[1].text == "rains"
    assert field.get_padding_lengths() == as_tokens.get_padding_lengths()
    lengths = as_tokens.get_padding_lengths()
    assert_same(field.as_tensor(lengths), as_tokens.as_tensor(lengths))
    field.tokens = [Token("Yes")]
    assert field.words == ["Yes"]


def test_the_loader_keeps_no_instances_and_reads_them_again(path: str) -> None:
    readers = MultiTaskDatasetReader({"ner": TaggingReader("ner"), "links": RelationReader()})
    loader = PerTaskDataLoader(readers, path, batch_size=3)
    with pytest.raises(ConfigurationError, match="no batches before `index_with`"):
        next(loader.batches_of("ner"))
    (counted,) = loader.iter_instances()
    assert not counted.fields
    vocab = Vocabulary.from_instances([counted])
    loader.index_with(vocab)
    batches = list(loader)
    again = [instance for task in ("links", "ner") for instance in readers.readers[task].inner.read(path)]
    assert [(instance.fields.keys(), instance["text"].words) for instance in loader.iter_instances()] == [
        (instance.fields.keys(), instance["text"].words) for instance in again
    ]
    # As AllenNLP's instances, which are indexed once: another vocabulary changes nothing.
    loader.index_with(Vocabulary())
    for found, expected in zip(loader, batches):
        assert_same(found, expected)


class Watched(Instance):
    """An instance that a weak reference can follow."""


def test_no_instance_outlives_the_next(path: str) -> None:
    made: List["weakref.ref[Instance]"] = []
    most = 0

    def num_alive() -> int:
        return sum(reference() is not None for reference in made)

    class WatchedReader(TaggingReader):
        def instances(self, document: Document) -> Iterable[Instance]:
            nonlocal most
            for instance in super().instances(document):
                watched = Watched(instance.fields)
                made.append(weakref.ref(watched))
                most = max(most, num_alive())
                yield watched

    readers = MultiTaskDatasetReader({"ner": WatchedReader("ner"), "other": WatchedReader("ner")})
    loader = PerTaskDataLoader(readers, path)
    assert len(made) == sum(loader.num_instances.values())
    # The one that a loop holds, and the next.
    assert most <= 2 and num_alive() == 0


@pytest.mark.parametrize("name", ["words and characters", "one namespace", "marked ends", "bytes", "another"])
def test_the_loader_counts_what_its_instances_count_in_the_same_order(path: str, transformer: str, name: str) -> None:
    """Of equally frequent words a vocabulary has those first that it has met first."""
    readers: Dict[str, Any] = {
        "coref": CorefReader(token_indexers=indexers_of(name, transformer)),
        "links": RelationReader(token_indexers=indexers_of(name, transformer), only_sentences_with_relations=True),
        # Texts of other indexers, which count in one namespace with the others.
        "ner": TaggingReader("ner", token_indexers={"tokens": SingleIdTokenIndexer()}),
        "others": TaggingReader("ner", label_namespace="other_labels", token_indexers=indexers_of(name, transformer)),
    }
    paths = {**dict.fromkeys(readers, path), "coref": f"{path}#5:", "ner": f"{path}#2:"}
    loader = PerTaskDataLoader(MultiTaskDatasetReader(readers), paths)

    def counted(instances: Iterable[Instance]) -> Dict[str, Any]:
        counts: Dict[str, Any] = defaultdict(lambda: defaultdict(int))
        for instance in instances:
            instance.count_vocab_items(counts)
        return {namespace: list(items.items()) for namespace, items in counts.items()}

    every = (instance for task, reader in readers.items() for instance in reader.read(paths[task]))
    assert counted(loader.iter_instances()) == counted(every)


@pytest.mark.parametrize("of_one_table", [True, False])
def test_words_of_several_texts_are_counted_in_the_order_of_the_instances(of_one_table: bool) -> None:
    def instances() -> List[Instance]:
        indexers: List[Dict[str, TokenIndexer]] = [{"words": SingleIdTokenIndexer()}, {"other": SingleIdTokenIndexer()}]
        first, second = indexers[0], indexers[not of_one_table]
        texts = [(["a", "b"], [["q"], ["b", "r"]]), (["c"], [["r"]]), (["q", "d"], [["a", "s"]])]
        return [
            Instance({"text": WordsField(text, first), "texts": ListField([WordsField(each, second) for each in more])})
            for text, more in texts
        ]

    found: Dict[str, Dict[str, int]] = defaultdict(lambda: defaultdict(int))
    IndexedInstances(instances(), ColumnBuilder(), found)
    assert list(found["tokens"].items()) == [("a", 2), ("b", 2), ("q", 2), ("r", 2), ("c", 1), ("d", 1), ("s", 1)]


def test_unknown_labels_are_left_out_or_refused_with_their_document(path: str) -> None:
    known = Vocabulary(tokens_to_add={"ner_labels": ["Y"]})
    reader = TaggingReader("ner", allow_unknown_labels=True)
    indexed = batch_of(list(reader.read(path)), known)
    batch = Batch(list(reader.read(path)))
    batch.index_instances(known)
    assert_same(indexed["spans"], batch.as_tensor_dict()["spans"])
    # The first document has no label X.
    only_y = Document("first", [["a", "b"]], {"ner": [Span(1, 1, "Y")]})
    mixed = Document("second", [["a"], ["b", "c"]], {"ner": [Span(1, 1, "Y"), Span(2, 2, "X")]})
    other = str(Path(path).with_name("labels.jsonl"))
    write_jsonl([only_y, mixed, replace(mixed, doc_key="third")], other)
    loader = PerTaskDataLoader(MultiTaskDatasetReader({"ner": TaggingReader("ner")}), other)
    with pytest.raises(UserError, match=r"labels.jsonl: task 'ner', document 'second': unknown label 'X' .*: Y\. "):
        loader.index_with(known)


def test_an_unknown_label_of_an_instance_without_metadata_is_refused_with_its_file(path: str) -> None:
    class BareReader(TaggingReader):
        def instances(self, document: Document) -> Iterable[Instance]:
            for instance in super().instances(document):
                del instance.fields["metadata"]
                yield instance

    loader = PerTaskDataLoader(MultiTaskDatasetReader({"ner": BareReader("ner")}), path)
    with pytest.raises(UserError, match="jsonl: task 'ner': unknown label"):
        loader.index_with(Vocabulary())


def metadata_of(rows: List[Any], texts: List[List[str]]) -> Any:
    """The metadata of instances with such texts, once they are indexed."""
    indexers: Dict[str, TokenIndexer] = {"words": SingleIdTokenIndexer()}
    instances = [
        Instance({"text": WordsField(text, indexers), "metadata": MetadataField(row)}) for row, text in zip(rows, texts)
    ]
    builder = ColumnBuilder()
    indexed = IndexedInstances(instances, builder)
    vocab = Vocabulary()
    builder.finish(vocab)
    indexed.finish(vocab)
    assert indexed.batch(range(len(rows)))["metadata"] == rows
    return indexed.metadata(range(len(rows)))


def test_metadata_are_what_they_were() -> None:
    first, second = ["It", "rains"], ["No"]

    def unpickled() -> None:
        """A function within another cannot be pickled."""

    rows: List[Any] = [
        {"tokens": first, "spans": [Span(0, 1, "X")], "none": None},
        {"tokens": second},
        # Equal to the text, another, none, nothing at all; of other kinds.
        {"tokens": list(first)},
        {"tokens": ["else"], "more": first},
        {"tokens": None},
        {},
        ({"tokens": first},),
        {"tokens": first, "function": unpickled},
        7,
        # Of a pickle of their own: a pointer raises a ValueError.
        *[None] * 3,
        {"tokens": first, "pointer": ctypes.c_char_p(b"a")},
    ]
    texts = [first, second, *[first] * (len(rows) - 2)]
    found = metadata_of(rows, texts)
    assert list(found) == rows and found[1:3] == rows[1:3] and len(found) == len(rows)
    assert type(found[0]["spans"][0]) is Span
    assert found[0] is not found[0]
    # Where the first has no text, none is looked for.
    assert list(metadata_of([5, *rows], [first, *texts])) == [5, *rows]
    assert list(metadata_of([{"more": 1}, *rows], [first, *texts])) == [{"more": 1}, *rows]


def test_rows_of_a_batch_are_made_once_and_can_be_changed() -> None:
    indexed = IndexedInstances([Instance({"metadata": MetadataField({"a": 1})})], ColumnBuilder())
    indexed.finish(Vocabulary())
    rows = indexed.batch([0])["metadata"]
    rows[0]["b"] = 2
    assert list(rows) == [{"a": 1, "b": 2}] and indexed.batch([0])["metadata"] == [{"a": 1}]
    assert repr(rows) == "[{'a': 1, 'b': 2}]"
    assert pickle.loads(pickle.dumps(rows)) == sanitize({"metadata": rows})["metadata"] == [{"a": 1, "b": 2}]
    # All others of the column would come along.
    assert type(pickle.loads(pickle.dumps(rows))) is list


def test_texts_with_other_token_indexers_are_refused() -> None:
    def text(lowercase: bool) -> Instance:
        return Instance({"text": WordsField(["A"], {"words": SingleIdTokenIndexer(lowercase_tokens=lowercase)})})

    builder = ColumnBuilder()
    # Equal ones need not be the same object.
    IndexedInstances([text(True), text(True)], builder)
    with pytest.raises(ConfigurationError, match="must have the same token indexers"):
        IndexedInstances([text(True), text(False)], builder)
    with pytest.raises(ConfigurationError, match="rows of 2 numbers and labels of the namespace 'a_labels'"):
        IndexedInstances(
            [Instance({"rows": LabelledIndicesField([], [], namespace)}) for namespace in ("a_labels", "b_labels")],
            builder,
        )


def test_a_list_of_words_that_another_task_has_read_is_found_by_itself() -> None:
    """Whatever of them comes next: all, some with gaps of any length, others, equal ones, the same again."""
    generator = random.Random(1)
    lists = [[generator.choice(WORDS), str(number % 30)] for number in range(200)]
    orders = [
        range(200),
        range(200),
        range(5, 200, 7),
        range(0, 200, 60),
        [*range(50), 3, 3, *range(50, 60), *range(199, -1, -1)],
    ]
    indexers: Dict[str, TokenIndexer] = {"words": SingleIdTokenIndexer()}
    builder = ColumnBuilder()
    tasks = []
    for order in orders:
        texts = [lists[number] for number in order] + [list(lists[7]), ["else"]]
        tasks.append(
            (texts, IndexedInstances([Instance({"text": WordsField(text, indexers)}) for text in texts], builder))
        )
    vocab = Vocabulary(tokens_to_add={"tokens": [word for words in lists for word in words]})
    builder.finish(vocab)
    for texts, indexed in tasks:
        indexed.finish(vocab)
        # Shape: (num_texts, 2)
        found = indexed.batch(range(len(texts)))["text"]["words"]["tokens"]
        expected = [[vocab.get_token_index(word) for word in [*text, ""][:2]] for text in texts]
        assert found[:-1].tolist() == expected[:-1]


def test_documents_of_one_path_are_parsed_once(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []
    parse = type(TaggingReader("ner").corpus).parse

    def counted(corpus: Any, path: Path) -> Any:
        parsed.append(path)
        return parse(corpus, path)

    monkeypatch.setattr(type(TaggingReader("ner").corpus), "parse", counted)
    readers: Dict[str, Any] = {"ner": TaggingReader("ner"), "links": RelationReader(), "coref": CorefReader()}
    loader = PerTaskDataLoader(MultiTaskDatasetReader(readers), path)
    assert len(parsed) == 1
    alone = PerTaskDataLoader(MultiTaskDatasetReader({"links": RelationReader()}), path)
    assert len(parsed) == 2
    few = MultiTaskDatasetReader({**readers, "coref": CorefReader(max_instances=2)})
    # One that stops early leaves nothing to the others.
    PerTaskDataLoader(few, path)
    assert len(parsed) == 4
    for each in (loader, alone):
        each.index_with(Vocabulary.from_instances(loader.iter_instances()))
    for found, expected in zip(loader.batches_of("links"), alone.batches_of("links")):
        assert_same(found, expected)


def test_word_pieces_are_made_once_for_all_tasks(path: str, transformer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def indexers(**options: Any) -> Dict[str, TokenIndexer]:
        return {"pieces": PretrainedTransformerMismatchedIndexer(transformer, **options)}

    cut: List[str] = []
    original = PretrainedTransformerTokenizer._intra_word_tokenize

    def counted(tokenizer: PretrainedTransformerTokenizer, words: List[str]) -> Any:
        cut.extend(words)
        return original(tokenizer, words)

    def number_cut(**options: Any) -> int:
        readers = {
            "coref": CorefReader(token_indexers=indexers()),
            "ner": TaggingReader("ner", token_indexers=indexers(**options)),
        }
        loader = PerTaskDataLoader(MultiTaskDatasetReader(readers), path)
        vocab = Vocabulary.from_instances(loader.iter_instances())
        cut.clear()
        loader.index_with(vocab)
        return len(cut)

    monkeypatch.setattr(PretrainedTransformerTokenizer, "_intra_word_tokenize", counted)
    number_of_words = len({token for document in documents() for token in document.tokens})
    assert number_cut() == number_of_words
    # Indexers that make other pieces are asked themselves.
    for options in ({"max_length": 8}, {"token_min_padding_length": 4}, {"namespace": "other"}):
        assert number_cut(**options) == 2 * number_of_words
    reader = TaggingReader("ner", token_indexers=indexers())
    batch_of(list(reader.read(path)), Vocabulary.from_instances(reader.read(path)))
    assert "_intra_word_tokenize" not in vars(reader.token_indexers["pieces"]._allennlp_tokenizer)


def test_own_word_pieces_are_made_once_for_all_tasks(
    path: str, transformer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: List[str] = []
    original = WordCutter.cut

    def counted(cutter: WordCutter, texts: Sequence[Sequence[str]]) -> Any:
        cut.extend(word for text in texts for word in text)
        return original(cutter, texts)

    def number_cut(**options: Any) -> int:
        readers = {
            "coref": CorefReader(token_indexers={"pieces": TransformerIndexer(transformer)}),
            "ner": TaggingReader("ner", token_indexers={"pieces": TransformerIndexer(transformer, **options)}),
        }
        loader = PerTaskDataLoader(MultiTaskDatasetReader(readers), path)
        vocab = Vocabulary.from_instances(loader.iter_instances())
        cut.clear()
        loader.index_with(vocab)
        return len(cut)

    monkeypatch.setattr(WordCutter, "cut", counted)
    # Texts that occur twice in the data are one.
    texts = {tuple(sentence) for document in documents() for sentence in document.sentences}
    number_of_words = sum(map(len, texts))
    assert number_cut() == number_of_words
    # Indexers that make other pieces are asked themselves.
    for options in ({"max_length": 8}, {"max_length": 8, "stride": 2}, {"token_min_padding_length": 4}):
        assert number_cut(**options) == 2 * number_of_words
