"""What a user of AllenNLP runs for one task, with the sizes and the batches of one of our levels.

Its tagger and its resolver are those of allennlp-models, which `make develop` installs beside the environment; all else
is of the AllenNLP that hmtl carries. `copy_weights` gives them a level's weights, and then they compute what it does.
"""

import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List

# As tests/conftest.py finds it, too.
sys.path.append(str(Path(sys.prefix) / "references"))

import torch
from allennlp.common import Params
from allennlp.data import Batch, DataLoader, Instance, TokenIndexer, Vocabulary
from allennlp.data.dataset_readers import Conll2003DatasetReader, DatasetReader
from allennlp.data.fields import SequenceLabelField, TextField
from allennlp.data.tokenizers import Token
from allennlp.models import Model
from allennlp.modules import FeedForward
from allennlp.modules.seq2seq_encoders import LstmSeq2SeqEncoder
from allennlp.modules.seq2vec_encoders import CnnEncoder
from allennlp.modules.text_field_embedders import BasicTextFieldEmbedder
from allennlp.modules.token_embedders import Embedding, TokenCharactersEncoder
from allennlp.nn import Activation
from allennlp.training import GradientDescentTrainer
from allennlp.training.optimizers import AdamOptimizer

from hmtl.models import HMTL
from hmtl.tasks import CorefHead, CrfHead

# Of each module of a head's, the one of AllenNLP's model that does the same.
MODULES = {
    "ner": {"_projection": "tag_projection_layer._module", "_crf": "crf"},
    "coref": {
        "_attention": "_attentive_span_extractor._global_attention._module",
        "_width_embedding": "_endpoint_span_extractor._span_width_embedding",
        "_distance_embedding": "_distance_embedding",
        "_mention_feedforward": "_mention_feedforward._module",
        "_mention_scorer": "_mention_scorer._module",
        "_antecedent_feedforward": "_antecedent_feedforward._module",
        "_antecedent_scorer": "_antecedent_scorer._module",
    },
}
EMBEDDER = {"ner": "text_field_embedder", "coref": "_text_field_embedder"}
ENCODER = {"ner": "encoder._module", "coref": "_context_layer._module"}


def tagger_like(model: HMTL, vocab: Vocabulary) -> Model:
    """AllenNLP's `CrfTagger` of the sizes of the level `ner`; the tags of spans become labels of `vocab`."""
    from allennlp_models.tagging.models.crf_tagger import CrfTagger

    head = model.head("ner")
    assert isinstance(head, CrfHead)
    for tag in ["O", *(f"{part}-{label}" for label in head.labels for part in "BILU")]:
        vocab.add_token_to_namespace(tag, "labels")
    return CrfTagger(
        vocab,
        embedder(model),
        lstm(model, "ner"),
        label_encoding="BIOUL",
        include_start_end_transitions=True,
        dropout=head._dropout.p,
    )


def resolver_like(model: HMTL, vocab: Vocabulary) -> Model:
    """AllenNLP's `CoreferenceResolver` of the sizes of the level `coref`."""
    from allennlp_models.coref.models.coref import CoreferenceResolver

    head = model.head("coref")
    assert isinstance(head, CorefHead)
    span_dim, hidden_dim = sum(head._span_parts), head._mention_scorer.in_features
    dropout = next(module.p for module in head.modules() if isinstance(module, torch.nn.Dropout))

    def feedforward(input_dim: int) -> FeedForward:
        return FeedForward(input_dim, 2, hidden_dim, Activation.by_name("relu")(), dropout)

    return CoreferenceResolver(
        vocab,
        embedder(model),
        lstm(model, "coref"),
        feedforward(span_dim),
        feedforward(3 * span_dim + head._distance_embedding.embedding_dim),
        feature_size=head._distance_embedding.embedding_dim,
        max_span_width=head._max_span_width,
        spans_per_word=head._spans_per_word,
        max_antecedents=head._max_antecedents,
        lexical_dropout=model.input_dropouts["coref"].p,
    )


def embedder(model: HMTL) -> BasicTextFieldEmbedder:
    """Words, and a convolution over the characters of each."""
    sizes = {name: tuple(weight.shape) for name, weight in model.text_field_embedder.named_parameters()}
    words = sizes["token_embedder_tokens.weight"]
    characters = sizes["token_embedder_token_characters._embedding._module.weight"]
    filters, dim, width = sizes["token_embedder_token_characters._encoder._module.conv_layer_0.weight"]
    table = Embedding(num_embeddings=characters[0], embedding_dim=characters[1])
    of_characters = TokenCharactersEncoder(table, CnnEncoder(dim, filters, (width,)))
    of_words = Embedding(num_embeddings=words[0], embedding_dim=words[1])
    return BasicTextFieldEmbedder({"tokens": of_words, "token_characters": of_characters})


def lstm(model: HMTL, task: str) -> LstmSeq2SeqEncoder:
    """AllenNLP's wrapper of torch's LSTM, which packs its batch."""
    ours: Any = model.encoder(task)
    num_layers = len(list(ours.layers()))
    options = {"dropout": ours._dropout.p} if num_layers > 1 else {}
    return LstmSeq2SeqEncoder(
        ours.get_input_dim(), ours.get_output_dim() // 2, num_layers=num_layers, bidirectional=True, **options
    )


def copy_weights(model: HMTL, theirs: Model, task: str) -> None:
    """Gives AllenNLP's model the weights of our level; both have the same, none more."""
    weights = {name: weight.detach() for name, weight in model.parameters_of(task)}
    # The CRF's constraints are a parameter, too, which learns nothing.
    theirs_of = {name: weight for name, weight in theirs.named_parameters() if weight.requires_grad}
    pairs = {name_of(task, name): weight for name, weight in weights.items()}
    assert sorted(pairs) == sorted(theirs_of), sorted(set(pairs) ^ set(theirs_of))
    with torch.no_grad():
        for name, weight in pairs.items():
            theirs_of[name].copy_(weight)


def name_of(task: str, name: str) -> str:
    """What AllenNLP's model calls a parameter of ours."""
    first, rest = name.split(".", 1)
    if first == "text_field_embedder":
        return f"{EMBEDDER[task]}.{rest}"
    _, module, rest = rest.split(".", 2)
    if first == "heads":
        return f"{MODULES[task][module]}.{rest}"
    # Such as `_backward_layers.1.weight_ih_l0`.
    number, weight = rest.split(".")
    reverse = "_reverse" if module == "_backward_layers" else ""
    return f"{ENCODER[task]}.{weight.removesuffix('0')}{number}{reverse}"


def reader_of(task: str, params: Dict[str, Any], model: HMTL) -> DatasetReader:
    """AllenNLP's own reader, with the token indexers of ours."""
    indexers = params["dataset_reader"]["readers"][task]["token_indexers"]
    made = {name: TokenIndexer.from_params(Params(dict(options))) for name, options in indexers.items()}
    if task == "ner":
        return Conll2003DatasetReader(token_indexers=made)
    from allennlp_models.coref.dataset_readers.conll import ConllCorefReader

    head = model.head("coref")
    assert isinstance(head, CorefHead)
    return ConllCorefReader(head._max_span_width, made)


def instances_of(task: str, reader: Any, sentences: List[List[str]]) -> List[Instance]:
    """A text as AllenNLP's predictors get it: sentence by sentence, or as one document."""
    if task == "coref":
        return [reader.text_to_instance(sentences)]
    return [reader.text_to_instance([Token(token) for token in sentence]) for sentence in sentences]


def batch_like(task: str, reader: Any, vocab: Vocabulary, batch: Dict[str, Any]) -> Dict[str, Any]:
    """A batch of ours as AllenNLP makes it: the same sentences, with tags, or documents, with all their spans."""
    instances = []
    for number, row in enumerate(batch["metadata"]):
        if task == "ner":
            (instance,) = instances_of("ner", reader, [row["tokens"]])
            text = instance["tokens"]
            assert isinstance(text, TextField)
            instance.add_field("tags", SequenceLabelField(tags_of(row), text, "labels"))
            reader.apply_token_indexers(instance)
        else:
            clusters: Dict[int, Any] = {}
            for start, end, cluster in batch["mentions"][number].tolist():
                if cluster >= 0:
                    clusters.setdefault(cluster, []).append((start, end))
            instance = reader.text_to_instance(row["sentences"], list(clusters.values()))
        instance.index_fields(vocab)
        instances.append(instance)
    return Batch(instances).as_tensor_dict()


def tags_of(row: Dict[str, Any]) -> List[str]:
    """BIOUL."""
    tags = ["O"] * len(row["tokens"])
    for start, end, label in row["flat_spans"]:
        tags[start : end + 1] = [f"I-{label}"] * (end - start + 1)
        tags[start], tags[end] = f"B-{label}", f"L-{label}"
        if start == end:
            tags[start] = f"U-{label}"
    return tags


class ReadyBatches(DataLoader):
    """Batches that lie ready: what makes them is no part of an update."""

    def __init__(self) -> None:
        self.batches: List[Dict[str, Any]] = []

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.batches)

    def set_target_device(self, device: torch.device) -> None:
        pass


class Updates:
    """Updates by AllenNLP's `GradientDescentTrainer`, with its Adam, and the limits of our trainer's gradient."""

    def __init__(self, model: Model, settings: Dict[str, Any]) -> None:
        self.model = model
        optimizer = AdamOptimizer(list(model.named_parameters()), lr=settings["optimizer"]["lr"])
        self._loader = ReadyBatches()
        self._trainer = GradientDescentTrainer(
            model,
            optimizer,
            self._loader,
            cuda_device=torch.device("cpu"),
            grad_norm=settings["grad_norm"],
            grad_clipping=settings["grad_clipping"],
            enable_default_callbacks=False,
            run_confidence_checks=False,
        )

    def __call__(self, batches: List[Dict[str, Any]]) -> None:
        """An update of each batch, as in an epoch of these alone."""
        self._loader.batches = batches
        self._trainer._train_epoch(0)
