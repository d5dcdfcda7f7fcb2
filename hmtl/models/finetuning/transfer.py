"""The weights of a trained model in a new one, part by part."""

from dataclasses import dataclass, field
from typing import Any, Collection, Dict, List, Optional, Tuple, Union

import torch
from allennlp.modules.text_field_embedders import BasicTextFieldEmbedder
from allennlp.modules.token_embedders import Embedding

from hmtl.common.allennlp_internals import oov_token, padding_token, pretrained_file, vocab_namespace
from hmtl.models.hmtl import HMTL
from hmtl.tasks.task_head import TaskHead

Weights = Dict[str, torch.Tensor]


@dataclass
class Transfer:
    """What a model took from another one. A part is an embedder, an encoder, a head, the embeddings of a level's labels
    or the shared encoder.

    # Attributes

    taken : `List[str]`
        The parts whose weights are those of the source.
    reordered : `Dict[str, List[str]]`
        Those of `taken` whose labels are the same in another order: the labels of the source in its order.
    entries : `Dict[str, Dict[str, Any]]`
        By the name of an embedding in `taken`: its vocabulary `namespace`, how many entries are `taken` from the
        source, how many are `new`, how many of the source are `left_out`.
    reinitialised : `Dict[str, str]`
        The parts that start anew, and why.
    unused : `List[str]`
        The parts of the source that this model does not have.
    frozen : `List[str]`
        The parts that are not trained.
    """

    taken: List[str] = field(default_factory=list)
    reordered: Dict[str, List[str]] = field(default_factory=dict)
    entries: Dict[str, Dict[str, Any]] = field(default_factory=dict)
    reinitialised: Dict[str, str] = field(default_factory=dict)
    unused: List[str] = field(default_factory=list)
    frozen: List[str] = field(default_factory=list)


class _DoesNotFit(Exception):
    """Why the weights of a part cannot be taken."""


def parts_of(model: HMTL) -> Dict[str, torch.nn.Module]:
    """The parts of a model that have weights, by name. Each is taken as a whole or not at all."""
    parts: Dict[str, torch.nn.Module] = {}
    if isinstance(model.text_field_embedder, BasicTextFieldEmbedder):
        for name, embedder in model.text_field_embedder.named_children():
            parts[f"text_field_embedder.{name}"] = embedder
    else:
        parts["text_field_embedder"] = model.text_field_embedder
    if model.shared_encoder is not None:
        parts["shared_encoder"] = model.shared_encoder
    for task in model.tasks:
        if task in model.encoders:
            parts[f"encoders.{task}"] = model.encoders[task]
        parts[f"heads.{task}"] = model.heads[task]
        if task in model.label_embeddings:
            parts[f"label_embeddings.{task}"] = model.label_embeddings[task]
    return parts


def transfer(source: HMTL, model: HMTL, frozen: Collection[str] = ()) -> Transfer:
    """Gives the model the weights of the source wherever they mean the same.

    A part is taken where the source has one of the same name, class and shapes, which reads the same embedders and
    levels. Rows of embeddings belong to entries of the vocabulary: each takes that of its own entry; the rows of new
    entries keep the values that they have, but in a `frozen` part without a file of pretrained vectors become that of
    the unknown entry, which the source has learned to read. A head is taken where it has the same labels; their order
    may be another.
    """
    report = Transfer()
    parts, others = parts_of(model), parts_of(source)
    for name, part in parts.items():
        try:
            if name not in others:
                raise _DoesNotFit("the archive has no such part")
            here, there = _Side(model, name, part), _Side(source, name, others[name])
            weights, entries = _fitting(here, there, name in frozen)
        except _DoesNotFit as reason:
            report.reinitialised[name] = str(reason)
            continue
        part.load_state_dict(weights)
        report.taken.append(name)
        report.entries.update({f"{name}.{embedding}".rstrip("."): counts for embedding, counts in entries.items()})
        labels = there.head and there.head.labels
        if labels and here.head and not here.head.reads_label_texts and labels != here.head.labels:
            report.reordered[name] = labels
    report.unused = [name for name in others if name not in parts]
    return report


@dataclass
class _Side:
    """A part, and the model that it belongs to."""

    model: HMTL
    name: str
    part: torch.nn.Module

    @property
    def head(self) -> Optional[TaskHead]:
        """The head whose labels the weights of the part stand for."""
        kind, _, task = self.name.partition(".")
        return self.model.head(task) if kind in ("heads", "label_embeddings") else None

    @property
    def inputs(self) -> List[Union[str, Tuple[str, int]]]:
        """What the part reads: embedders with their sizes, and levels."""
        kind, _, task = self.name.partition(".")
        if kind in ("text_field_embedder", "label_embeddings"):
            return []
        levels = self.model.reads.get(task, [])
        labels = [f"the labels of {lower}" for lower in self.model.reads_label_embeddings.get(task, [])]
        if not self.model.reads_embedding.get(task, True):
            return [*levels, *labels]
        embedder = self.model.text_field_embedder
        read: List[Union[str, Tuple[str, int]]] = [("embedding", embedder.get_output_dim())]
        if isinstance(embedder, BasicTextFieldEmbedder):
            read = [(name, each.get_output_dim()) for name, each in sorted(embedder.named_children())]  # type: ignore
        return [*read, *levels, *labels]


def _fitting(here: _Side, there: _Side, is_frozen: bool) -> Tuple[Weights, Dict[str, Dict[str, Any]]]:
    """The weights of the part in the archive, in the form that the part here needs, and what became of the entries of
    its embeddings."""
    if type(here.part) is not type(there.part):
        raise _DoesNotFit(f"it is a {type(there.part).__name__} in the archive and a {type(here.part).__name__} here")
    if here.inputs != there.inputs:
        raise _DoesNotFit(f"it reads {_listed(there.inputs)} in the archive and {_listed(here.inputs)} here")
    weights = {name: weight.clone() for name, weight in there.part.state_dict().items()}
    if here.head is not None and there.head is not None:
        if type(here.head) is not type(there.head):
            heads = f"a {type(there.head).__name__} in the archive and a {type(here.head).__name__} here"
            raise _DoesNotFit(f"the head of its level is {heads}")
        weights = _with_labels_of(here.head, there.head, weights)
    entries = {}
    embeddings = dict(there.part.named_modules())
    for name, embedding in here.part.named_modules():
        other = embeddings.get(name)
        if isinstance(embedding, Embedding) and isinstance(other, Embedding):
            if vocab_namespace(embedding) is None and vocab_namespace(other) is None:
                continue
            rows, entries[name] = _rows(embedding, here.model, other, there.model, is_frozen)
            weights[f"{name}.weight".lstrip(".")] = rows
    expected = here.part.state_dict()
    for name in [*expected, *weights]:
        shapes = [tuple(state[name].shape) if name in state else None for state in (weights, expected)]
        if shapes[0] != shapes[1]:
            raise _DoesNotFit(f"{name} has the shape {shapes[0]} in the archive and {shapes[1]} here")
    return weights, entries


def _with_labels_of(head: TaskHead, other: TaskHead, weights: Weights) -> Weights:
    if head.labels is None or other.labels is None:
        raise _DoesNotFit(f"a {type(head).__name__} does not say which labels its weights stand for")
    if list(head.read_labels) != list(other.read_labels):
        # Of labels that several levels have, another order would not tell which is whose.
        if sorted(head.read_labels) != sorted(other.read_labels) or len({*head.read_labels}) < len(head.read_labels):
            raise _DoesNotFit("the labels that it reads are others")
        weights = other.read_in_another_order(weights, [other.read_labels.index(label) for label in head.read_labels])
    if head.labels == other.labels or head.reads_label_texts:
        return weights
    if sorted(head.labels) != sorted(other.labels):
        changes = [
            f"{what} {_listed(labels)}"
            for what, labels in (
                ("new:", sorted(set(head.labels) - set(other.labels))),
                ("gone:", sorted(set(other.labels) - set(head.labels))),
            )
            if labels
        ]
        raise _DoesNotFit(f"its labels are others ({'; '.join(changes)})")
    return other.reordered(weights, [other.labels.index(label) for label in head.labels])


def _rows(
    embedding: Embedding, model: HMTL, other: Embedding, source: HMTL, is_frozen: bool
) -> Tuple[torch.Tensor, Dict[str, Any]]:
    """The embedding's weight, shape (num_entries, embedding_dim), with the rows of the entries that both have."""
    namespace, other_namespace = vocab_namespace(embedding), vocab_namespace(other)
    if not (namespace and other_namespace):
        raise _DoesNotFit("an embedding belongs to a vocabulary on one side alone")
    if embedding.weight.size(1) != other.weight.size(1):
        raise _DoesNotFit(
            f"vectors have {other.weight.size(1)} dimensions in the archive, {embedding.weight.size(1)} here"
        )
    entries = model.vocab.get_token_to_index_vocabulary(namespace)
    known = source.vocab.get_token_to_index_vocabulary(other_namespace)
    # The entries for padding and unknown ones may have other names.
    special = {token_of(model.vocab): token_of(source.vocab) for token_of in (padding_token, oov_token)}
    unknown = known.get(oov_token(source.vocab))
    # Shape: (num_entries, embedding_dim)
    rows = embedding.weight.detach().clone()
    counts: Dict[str, Any] = {"namespace": namespace, "taken": 0, "new": 0}
    for entry, index in entries.items():
        row: Optional[int] = known.get(special.get(entry, entry))
        counts["new" if row is None else "taken"] += 1
        if row is None and is_frozen and pretrained_file(embedding) is None:
            row = unknown
        if row is not None:
            rows[index] = other.weight.detach()[row]
    counts["left_out"] = len(known) - counts["taken"]
    return rows, counts


def _listed(names: List[Any]) -> str:
    return ", ".join(f"{name[0]} ({name[1]})" if isinstance(name, tuple) else name for name in names) or "nothing"
