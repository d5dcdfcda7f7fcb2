"""Ways of sharing one encoder between tasks, beside the hierarchy of levels.

Hard sharing has one encoder for all tasks; cross-stitch units and sluice networks one a task, whose layers learn how
much they take from one another.
"""

from itertools import chain, combinations
from typing import Dict, Iterator, List, Literal, Optional, Sequence, Tuple, cast, get_args

import torch
from allennlp.common import Lazy, Registrable
from allennlp.common.checks import ConfigurationError
from allennlp.modules import Seq2SeqEncoder

from hmtl.modules.padded_lstm_encoder import PaddedLstmEncoder


class SharedEncoder(torch.nn.Module, Registrable):
    """Encodes sentences for several tasks in one pass; a subclass says what these share.

    A registered subclass takes the keyword arguments `shared_embedding_dim`, the size of the embedding, and
    `sharing_tasks`, the names of the tasks, which `HMTL` supplies, beside those of its configuration.

    # Parameters

    sharing_tasks : `List[str]`
    input_dropout : `float`, optional (default = `0.0`)
        Dropout on the embedding. The model applies it, for the tasks' heads read the same embedding.
    """

    def __init__(self, sharing_tasks: List[str], input_dropout: float = 0.0) -> None:
        super().__init__()
        self.tasks = list(sharing_tasks)
        self.input_dropout = torch.nn.Dropout(input_dropout)

    def forward(self, embedding: torch.Tensor, mask: torch.Tensor, tasks: Sequence[str]) -> Dict[str, torch.Tensor]:
        """(num_sentences, length, shared_embedding_dim) and a mask, (num_sentences, length) -> for each of `tasks`
        (num_sentences, length, output_dim)."""
        raise NotImplementedError

    def get_output_dim(self) -> int:
        """The size of each task's vectors."""
        raise NotImplementedError

    def parameters_of(self, tasks: Sequence[str]) -> List[Tuple[str, torch.nn.Parameter]]:
        """The parameters, by name, that the vectors of `tasks` depend on."""
        return list(self.named_parameters())

    def penalty(self) -> Optional[torch.Tensor]:
        """What is added to the loss of each update, shape (), a function of the weights; `None` for nothing."""
        return None


@SharedEncoder.register("hard")
class HardSharingEncoder(SharedEncoder):
    """One encoder whose output every task gets (Caruana 1997; the set-up of Bingel and Søgaard 2017).

    # Parameters

    encoder : `Lazy[Seq2SeqEncoder]`
        Its input size is computed.
    input_dropout : `float`, optional (default = `0.0`)
    """

    def __init__(
        self,
        shared_embedding_dim: int,
        sharing_tasks: List[str],
        encoder: Lazy[Seq2SeqEncoder],
        input_dropout: float = 0.0,
    ) -> None:
        super().__init__(sharing_tasks, input_dropout)
        self.encoder = encoder.construct(input_size=shared_embedding_dim, input_dim=shared_embedding_dim)

    def forward(self, embedding: torch.Tensor, mask: torch.Tensor, tasks: Sequence[str]) -> Dict[str, torch.Tensor]:
        return dict.fromkeys(tasks, self.encoder(embedding, mask))

    def get_output_dim(self) -> int:
        return self.encoder.get_output_dim()


TaskVectors = Dict[str, torch.Tensor]


@SharedEncoder.register("cross_stitch")
class CrossStitchEncoder(SharedEncoder):
    """A column of layers a task, with cross-stitch units between the columns (Misra et al. 2016, equation 1).

    After each layer, the last one too, task `t` gets the mixture `sum over c of alpha[t, c] * output[c]` of the outputs
    of all columns. The next layer of its column reads that. Where each output is split into subspaces, these are mixed,
    each with shares of its own (Ruder et al. 2019). All units of a subspace have the same shares, as theirs do; Misra
    et al. have shares a channel. Both directions of a bidirectional layer are split, so that each subspace holds a part
    of both.

    A subspace starts with `own_share` of itself; the others have equal parts of the rest: a convex combination, as in
    Misra et al., so that a mixture is as large as what it is made of. They train alphas with learning rates 100 and
    more times those of the network. Adam, whose steps do not depend on the gradient's scale, needs that less; an
    optimizer's `parameter_groups` can give `shared_encoder.alphas` a rate of their own.

    # Parameters

    layer : `Lazy[Seq2SeqEncoder]`
        Built for each layer of each column. Its input size is computed.
    num_layers : `int`, optional (default = `2`)
    num_subspaces : `int`, optional (default = `1`)
        Into which each layer's output is split.
    own_share : `float`, optional (default = `0.9`)
    dropout : `float`, optional (default = `0.0`)
        Between layers, on the mixtures that the next layer reads.
    input_dropout : `float`, optional (default = `0.0`)

    # Raises

    ConfigurationError
        Where an option is out of range, or a layer's output cannot be split evenly.
    """

    def __init__(
        self,
        shared_embedding_dim: int,
        sharing_tasks: List[str],
        layer: Lazy[Seq2SeqEncoder],
        num_layers: int = 2,
        num_subspaces: int = 1,
        own_share: float = 0.9,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
    ) -> None:
        super().__init__(sharing_tasks, input_dropout)
        if num_layers < 1 or num_subspaces < 1:
            raise ConfigurationError("shared_encoder: num_layers and num_subspaces must be at least 1")
        if not 0.0 <= own_share <= 1.0:
            raise ConfigurationError(f"shared_encoder: own_share is {own_share}; it must lie between 0 and 1")
        self.layers = torch.nn.ModuleList()
        input_dim = shared_embedding_dim
        for _ in range(num_layers):
            columns = {task: layer.construct(input_size=input_dim, input_dim=input_dim) for task in self.tasks}
            self.layers.append(torch.nn.ModuleDict(columns))
            first = columns[self.tasks[0]]
            input_dim = first.get_output_dim()
        self._output_dim = input_dim
        self._num_subspaces = num_subspaces
        self._num_directions = 2 if first.is_bidirectional() else 1
        if input_dim % (self._num_directions * num_subspaces) > 0:
            raise ConfigurationError(
                f"shared_encoder: a layer's output, {input_dim // self._num_directions} units a direction, "
                f"cannot be split into {num_subspaces} subspaces of one size; choose another hidden size"
            )
        self.dropout = torch.nn.Dropout(dropout)
        # By layer, then task: the rows of a cross-stitch unit, apart from one another, because those of the last layer
        # belong to one task each. Shapes: (num_subspaces, num_tasks, num_subspaces)
        self.alphas = torch.nn.ModuleList(
            torch.nn.ParameterDict({task: self._initial_shares(task, own_share) for task in self.tasks})
            for _ in range(num_layers)
        )

    def forward(self, embedding: torch.Tensor, mask: torch.Tensor, tasks: Sequence[str]) -> TaskVectors:
        mixtures: List[TaskVectors] = []
        for number, (columns, alphas) in enumerate(zip(self.layers, self.alphas), 1):
            # Shape: (num_tasks, num_sentences, length, output_dim)
            outputs = torch.stack(
                [
                    column(self.dropout(mixtures[-1][task]) if mixtures else embedding, mask)
                    for task, column in cast(torch.nn.ModuleDict, columns).items()
                ]
            )
            # No column reads the last layer's mixtures.
            mixtures.append(self._mixtures(outputs, alphas, tasks if number == len(self.layers) else self.tasks))
        return {task: self._combined(task, [layer[task] for layer in mixtures]) for task in tasks}

    def get_output_dim(self) -> int:
        return self._output_dim

    def parameters_of(self, tasks: Sequence[str]) -> List[Tuple[str, torch.nn.Parameter]]:
        not_reached = {
            f"{group}.{task}" for group in self._of_one_task_each() for task in self.tasks if task not in tasks
        }
        return [(name, parameter) for name, parameter in self.named_parameters() if name not in not_reached]

    def _initial_shares(self, task: str, own_share: float) -> torch.nn.Parameter:
        num_others = len(self.tasks) * self._num_subspaces - 1
        # A single subspace has nobody to share with.
        own, others = (own_share, (1.0 - own_share) / num_others) if num_others else (1.0, 0.0)
        shares = torch.full((self._num_subspaces, len(self.tasks), self._num_subspaces), others)
        shares[:, self.tasks.index(task)].fill_diagonal_(own)
        return torch.nn.Parameter(shares)

    def _mixtures(self, outputs: torch.Tensor, alphas: torch.nn.Module, tasks: Sequence[str]) -> TaskVectors:
        # Shape: (num_tasks, num_sentences, length, num_directions, num_subspaces, subspace_dim)
        subspaces = outputs.unflatten(-1, (self._num_directions, self._num_subspaces, -1))
        # Shape: (len(tasks), num_subspaces, num_tasks, num_subspaces)
        shares = torch.stack([alphas.get_parameter(task) for task in tasks])
        mixed = torch.einsum("tscr,cnldru->tnldsu", shares, subspaces)
        # Shape: (len(tasks), num_sentences, length, output_dim)
        return dict(zip(tasks, mixed.flatten(3)))

    def _combined(self, task: str, mixtures: List[torch.Tensor]) -> torch.Tensor:
        """The task's vectors, from its mixtures after each layer."""
        return mixtures[-1]

    def _of_one_task_each(self) -> List[str]:
        """The groups that hold one parameter a task, which no other task reaches."""
        return [f"alphas.{len(self.layers) - 1}"]


# How the outputs of the layers become the vectors of a task.
LayerConnection = Literal["mixture", "skip", "concatenation", "none"]


@SharedEncoder.register("sluice")
class SluiceEncoder(CrossStitchEncoder):
    """A sluice network (Ruder et al. 2019, "Latent Multi-task Architecture Learning").

    Columns whose subspaces are cross-stitched. The task's vectors are the sum of its mixtures after all layers, each
    times the task's weight for it, beta; all layers start with the same weight. These are the paper's connections from
    every layer to the task; `layer_connection` has those that it compares them with.

    To each update's loss the weighted penalty is added that keeps the subspaces of a layer apart,

        sum over tasks m, layers k and subspaces s < t of || G[m, k, s]^T G[m, k, t] ||^2,

    the squared Frobenius norm, where a column of G[m, k, s] holds what a unit of the subspace is computed from: its
    weights in a gate. So it is the sum of the squared dot products of these columns, for each matrix of the layer's
    LSTM, of its inputs and of its own states, each gate and each direction. (Their code takes two matrices of one gate,
    and pairs the n-th unit of one subspace with the n-th of the other.)

    # Parameters

    As of `CrossStitchEncoder`, with two subspaces by default, and

    layer_connection : `str`, optional (default = `"mixture"`)
        `mixture`: with learned weights; `skip`: their sum; `concatenation`: one after the other; `none`: the last layer
        alone.
    orthogonality_weight : `float`, optional (default = `0.0`)
        The weight of the penalty; in theirs 0.1. It concerns layers that are recurrent networks.

    # Raises

    ConfigurationError
        Where an option is out of range, or there is a weight for the penalty, and a single subspace, or a layer that is
        not a recurrent network.
    """

    def __init__(
        self,
        shared_embedding_dim: int,
        sharing_tasks: List[str],
        layer: Lazy[Seq2SeqEncoder],
        num_layers: int = 2,
        num_subspaces: int = 2,
        own_share: float = 0.9,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        layer_connection: LayerConnection = "mixture",
        orthogonality_weight: float = 0.0,
    ) -> None:
        if layer_connection not in get_args(LayerConnection):
            choices = ", ".join(get_args(LayerConnection))
            raise ConfigurationError(f"shared_encoder: layer_connection is '{layer_connection}', not one of: {choices}")
        if orthogonality_weight < 0:
            raise ConfigurationError(
                f"shared_encoder: orthogonality_weight is {orthogonality_weight}; at least 0 is due"
            )
        if orthogonality_weight and num_subspaces == 1:
            raise ConfigurationError(
                "shared_encoder: orthogonality_weight keeps several subspaces apart, and num_subspaces is 1; "
                "remove one of them"
            )
        super().__init__(
            shared_embedding_dim,
            sharing_tasks,
            layer,
            num_layers=num_layers,
            num_subspaces=num_subspaces,
            own_share=own_share,
            dropout=dropout,
            input_dropout=input_dropout,
        )
        self._layer_connection = layer_connection
        self._orthogonality_weight = orthogonality_weight
        if layer_connection == "mixture":
            # Shapes: (num_layers,)
            self.betas = torch.nn.ParameterDict(
                {task: torch.nn.Parameter(torch.full((num_layers,), 1.0 / num_layers)) for task in self.tasks}
            )
        if orthogonality_weight:
            # Finds out now whether there are such weights.
            self.penalty()

    def get_output_dim(self) -> int:
        return self._output_dim * (len(self.layers) if self._layer_connection == "concatenation" else 1)

    def penalty(self) -> Optional[torch.Tensor]:
        if not self._orthogonality_weight:
            return None
        layers = [layer for columns in self.layers for layer in cast(torch.nn.ModuleDict, columns).values()]
        overlaps = []
        for weight, hidden_size in chain.from_iterable(map(_recurrent_weights, layers)):
            # Shape: (num_subspaces, num_gates, subspace_dim, input_size)
            subspaces = weight.unflatten(0, (-1, self._num_subspaces, hidden_size // self._num_subspaces)).transpose(
                0, 1
            )
            overlaps += [(one @ other.mT).square().sum() for one, other in combinations(subspaces, 2)]
        return self._orthogonality_weight * torch.stack(overlaps).sum()

    def _combined(self, task: str, mixtures: List[torch.Tensor]) -> torch.Tensor:
        # Shape: (num_sentences, length, output_dim), with concatenation num_layers * output_dim
        if self._layer_connection == "mixture":
            return torch.einsum("k,knld->nld", self.betas[task], torch.stack(mixtures))
        if self._layer_connection == "skip":
            return torch.stack(mixtures).sum(0)
        return mixtures[-1] if self._layer_connection == "none" else torch.cat(mixtures, dim=-1)

    def _of_one_task_each(self) -> List[str]:
        return [*super()._of_one_task_each(), "betas"]


def _recurrent_weights(layer: torch.nn.Module) -> Iterator[Tuple[torch.Tensor, int]]:
    """The matrices of the recurrent network whose states a layer puts out, each with the hidden size: of each direction
    that of the inputs and that of the states. Shape (each): (num_gates * hidden_size, input_size)"""
    networks: List[torch.nn.RNNBase]
    if isinstance(layer, PaddedLstmEncoder):
        *_, last = layer.layers()
        networks = list(last)
    else:
        networks = [module for module in layer.modules() if isinstance(module, torch.nn.RNNBase)]
        if len(networks) != 1:
            raise ConfigurationError(
                "shared_encoder: orthogonality_weight needs layers that are recurrent networks, such as hmtl_lstm, "
                f"lstm and gru; a {type(layer).__name__} is none; remove it, or choose another layer"
            )
    for network in networks:
        for direction in ("", "_reverse") if network.bidirectional else ("",):
            for kind in ("ih", "hh"):
                yield getattr(network, f"weight_{kind}_l{network.num_layers - 1}{direction}"), network.hidden_size
