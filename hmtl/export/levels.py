"""An HMTL's embedding, levels and scores as one function of tensors, whose steps do not depend on their values."""

import copy
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

import torch
from allennlp.modules.seq2seq_encoders import Seq2SeqEncoder
from allennlp.modules.token_embedders import Embedding, TokenCharactersEncoder

from hmtl.errors import UserError
from hmtl.models.hmtl import HMTL
from hmtl.modules import TransformerEmbedder
from hmtl.modules.padded_lstm_encoder import PaddedLstmEncoder
from hmtl.tasks import TaskHead

# As AllenNLP's embedder names its parts.
_PART = "token_embedder_"
MASK = "mask"


class Input(NamedTuple):
    """A tensor that a graph reads.

    # Attributes

    name : `str`
        That of its token indexer, with the key of the indexer's tensor behind it where there are several.
    dims : `Tuple[str, ...]`
        What its dimensions count; equal names are equal numbers.
    dtype : `torch.dtype`
    """

    name: str
    dims: Tuple[str, ...]
    dtype: torch.dtype = torch.long


class ExportedLevels(torch.nn.Module):
    """What an `HMTL` computes for sentences, up to the choice of what it finds.

    `forward` takes the tensors that `inputs` describes, in their order, and returns for each of `tasks` the
    `exported_scores` of its head. Weights are those of a copy of the model, on the CPU, in float32.

    # Parameters

    model : `HMTL`
    for_onnx : `bool`
        Whether LSTMs are the operator of ONNX, which torch cannot compute, or oneDNN's, which is for CPUs.

    # Raises

    UserError
        Where nothing of the model can be exported, or not its embedding.
    """

    def __init__(self, model: HMTL, for_onnx: bool) -> None:
        super().__init__()
        self.left_out = _left_out(model)
        self.tasks = [task for task in model.tasks if task not in self.left_out]
        if not self.tasks:
            reasons = "; ".join(f"{task}: {why}" for task, why in self.left_out.items())
            raise UserError(f"nothing of this model can be exported ({reasons})")
        model = copy.deepcopy(model).cpu().float().eval().requires_grad_(False)
        self._reads = model.reads
        self._reads_embedding = model.reads_embedding
        self._reads_label_embeddings = model.reads_label_embeddings
        self._label_embeddings = torch.nn.ParameterDict(
            {task: embedding.weight for task, embedding in model.label_embeddings.items()}
        )
        self._levels = [task for task in model.tasks if any(task in _below(model, above) for above in self.tasks)]
        parts = {name.removeprefix(_PART): part for name, part in model.text_field_embedder.named_children()}
        self.inputs = [Input(MASK, ("batch", "length"), torch.bool)]
        for name, part in sorted(parts.items()):
            self.inputs += _inputs_of(name, part)
        self._parts = torch.nn.ModuleDict(parts)
        self._encoders = torch.nn.ModuleDict({task: _graph_of(model.encoder(task), for_onnx) for task in self._levels})
        self._heads = torch.nn.ModuleDict({task: model.heads[task] for task in self.tasks})

    def forward(self, *tensors: torch.Tensor) -> Tuple[torch.Tensor, ...]:
        given = {described.name: tensor for described, tensor in zip(self.inputs, tensors)}
        mask = given[MASK]
        # Shape: (batch_size, length, embedding_dim)
        embedding = torch.cat([_embedded(name, part, given) for name, part in sorted(self._parts.items())], dim=-1)
        outputs: Dict[str, torch.Tensor] = {}
        labels: Dict[str, torch.Tensor] = {}
        scores = {}
        for task in self._levels:
            # Shape: (batch_size, length, input_dim)
            short_cut = [embedding] if self._reads_embedding[task] else []
            below = [outputs[lower] for lower in self._reads[task]]
            read = torch.cat([*short_cut, *below, *(labels[lower] for lower in self._reads_label_embeddings[task])], -1)
            # Shape: (batch_size, length, encoding_dim)
            outputs[task] = self._encoders[task](read, mask)
            if task in self._heads:
                head = self._heads[task]
                assert isinstance(head, TaskHead)
                scores[task] = head.exported_scores(outputs[task], read)
                if task in self._label_embeddings:
                    # Shape: (batch_size, length, label_embedding_dim)
                    labels[task] = head.label_distribution(outputs[task]) @ self._label_embeddings[task]
        return tuple(scores[task] for task in self.tasks)


def _left_out(model: HMTL) -> Dict[str, str]:
    """The tasks that cannot be exported, each with the reason."""
    if model.shared_encoder is not None:
        raise UserError("a model with a shared encoder cannot be exported; train one whose levels have their own")
    left_out: Dict[str, str] = {}
    for task in model.tasks:
        head = model.head(task)
        has_no_form = type(head).exported_scores is TaskHead.exported_scores
        documents = [lower for lower in _below(model, task) if model.head(lower).scope == "document"]
        if documents:
            whose = "it" if documents == [task] else f"its level {documents[0]}"
            left_out[task] = f"{whose} reads documents, and what is exported reads sentences"
        elif has_no_form and not head.reads_spans:
            left_out[task] = f"what {type(head).__name__} computes has no form that can be exported"
        elif has_no_form or head.reads_label_texts:
            left_out[task] = f"what {type(head).__name__} computes depends on what is found or asked for"
    # A head that reads spans would find others without those of a task.
    for task in model.tasks:
        missing = [lower for lower in model.span_tasks[task] if lower in left_out]
        if task not in left_out and missing:
            left_out[task] = f"it reads the spans of {missing[0]}, which is left out"
    return left_out


def _below(model: HMTL, task: str) -> List[str]:
    """The level of a task and those that it reads, directly or not."""
    found = [task]
    for name in found:
        found += [lower for lower in model.read_levels[name] if lower not in found]
    return found


def _inputs_of(name: str, part: torch.nn.Module) -> List[Input]:
    if isinstance(part, Embedding):
        return [Input(name, ("batch", "length"))]
    if isinstance(part, TokenCharactersEncoder):
        return [Input(name, ("batch", "length", "characters"))]
    if isinstance(part, TransformerEmbedder):
        if part.adapters is not None:
            raise UserError(f"the embedder '{name}' has adapters, which cannot be exported")
        # The vectors of sentences that were seen.
        part.cache = None
        pieces = ("batch", "pieces")
        return [
            Input(f"{name}.token_ids", pieces),
            Input(f"{name}.wordpiece_mask", pieces, torch.bool),
            Input(f"{name}.word_numbers", pieces),
        ]
    raise UserError(
        f"the embedder '{name}' ({type(part).__name__}) cannot be exported; those of words, of characters and of the "
        "transformers library can"
    )


def _embedded(name: str, part: torch.nn.Module, given: Dict[str, torch.Tensor]) -> torch.Tensor:
    if isinstance(part, TransformerEmbedder):
        keys = ("token_ids", "wordpiece_mask", "word_numbers")
        return part(mask=given[MASK], **{key: given[f"{name}.{key}"] for key in keys})
    if isinstance(part, TokenCharactersEncoder):
        # Not each distinct word once: how many there are depends on the text.
        return TokenCharactersEncoder.forward(part, given[name])
    return part(given[name])


def _graph_of(encoder: Seq2SeqEncoder, for_onnx: bool) -> torch.nn.Module:
    if isinstance(encoder, PaddedLstmEncoder):
        layers = list(encoder.layers())
        return _OnnxLstm(layers) if for_onnx else _OneDnnLstm(layers)
    return encoder


Layers = Sequence[Tuple[torch.nn.LSTM, torch.nn.LSTM]]


class _OnnxLstm(torch.nn.Module):
    """A bidirectional LSTM as the operator `LSTM` of ONNX, which reads each sequence within its own length."""

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        self._hidden_size = layers[0][0].hidden_size
        self._num_layers = len(layers)
        for number, both in enumerate(layers):
            weights = [[weight.detach() for weight in direction.parameters()] for direction in both]
            for name, tensors in zip(
                ("w", "r", "b"),
                (
                    [_gates_as_in_onnx(w) for w, _, _, _ in weights],
                    [_gates_as_in_onnx(r) for _, r, _, _ in weights],
                    [torch.cat([_gates_as_in_onnx(b) for b in biases]) for _, _, *biases in weights],
                ),
            ):
                # Shape: (2, 4 * hidden_size, input_size), of biases (2, 8 * hidden_size)
                self.register_buffer(f"{name}_{number}", torch.stack(tensors))

    def forward(self, inputs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(batch_size, length, input_size) -> (batch_size, length, 2 * hidden_size)."""
        # Shape: (length, batch_size, input_size)
        inputs = inputs.transpose(0, 1)
        lengths = mask.sum(1).to(torch.int32)
        length, batch_size, _ = inputs.shape
        for number in range(self._num_layers):
            weights = [getattr(self, f"{name}_{number}") for name in ("w", "r", "b")]
            output, _, _ = torch.onnx.ops.symbolic_multi_out(
                "LSTM",
                [inputs, *weights, lengths],
                {"direction": "bidirectional", "hidden_size": self._hidden_size},
                dtypes=[torch.float32] * 3,
                shapes=[(length, 2, batch_size, self._hidden_size), *[(2, batch_size, self._hidden_size)] * 2],
                version=14,
            )
            # Shape: (length, batch_size, 2 * hidden_size)
            inputs = output.transpose(1, 2).flatten(2)
        return inputs.transpose(0, 1)


def _gates_as_in_onnx(weight: torch.Tensor) -> torch.Tensor:
    """From torch's order, input, forget, cell and output, into that of ONNX: input, output, forget, cell."""
    entry, forget, cell, output = weight.chunk(4)
    return torch.cat([entry, output, forget, cell])


class _OneDnnLstm(torch.nn.Module):
    """The same as oneDNN's layers, which `torch.nn.LSTM` calls on CPUs: `torch.export` would write torch's own out, a
    step for each token of the sentence that it sees."""

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        self._layers = torch.nn.ModuleList(direction for both in layers for direction in both)

    def forward(self, inputs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(batch_size, length, input_size) -> (batch_size, length, 2 * hidden_size)."""
        # Shape: (length, batch_size, input_size)
        inputs = inputs.transpose(0, 1)
        # The place, in its sequence reversed, of each token; padding stays. Shape: (length, batch_size)
        places = torch.arange(inputs.size(0)).unsqueeze(1)
        lengths = mask.sum(1)
        order = torch.where(places < lengths, lengths - 1 - places, places)
        for number in range(0, len(self._layers), 2):
            forward, backward = self._layers[number], self._layers[number + 1]
            ahead = _one_dnn(forward, inputs)
            back = _reordered(_one_dnn(backward, _reordered(inputs, order)), order)
            # Shape: (length, batch_size, 2 * hidden_size)
            inputs = torch.cat([ahead, back], dim=-1)
        return inputs.masked_fill(~mask.t().unsqueeze(-1), 0.0).transpose(0, 1)


def _reordered(vectors: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    """(length, batch_size, dim) in the order of (length, batch_size)."""
    return vectors.gather(0, order.unsqueeze(-1).expand_as(vectors))


def _one_dnn(layer: Any, inputs: torch.Tensor) -> torch.Tensor:
    """(length, batch_size, input_size) -> (length, batch_size, hidden_size)."""
    hidden_size = layer.hidden_size
    state = inputs.new_zeros(1, inputs.size(1), hidden_size)
    weights = list(layer.parameters())
    # No reversal, no packing, an LSTM (2); one layer with biases, of one direction, time first, not in training.
    options: Tuple[Any, ...] = (False, [], 2, hidden_size, 1, True, False, False, False)
    return torch.ops.aten.mkldnn_rnn_layer(inputs.contiguous(), *weights, state, state, *options)[0]
