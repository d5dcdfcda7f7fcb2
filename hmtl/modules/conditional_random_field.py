"""A linear-chain conditional random field, batched over sentences: one small matrix product a token."""

from typing import Any, List, Optional, Tuple

import torch
from allennlp.common.checks import ConfigurationError
from torch.autograd.function import once_differentiable

# Up to this difference between the largest and the smallest transition, the chain is summed as probabilities: what
# underflows to 0 in float32 (below e^-87) is then a share below e^(2 * 30 - 87) of the sum, which float32 cannot show.
_MAX_TRANSITION_RANGE = 30.0
# In float64, which holds numbers down to e^-708: what underflows is a share below e^(2 * 300 - 708).
_MAX_TRANSITION_RANGE_64 = 300.0


class ConditionalRandomField(torch.nn.Module):
    """A linear-chain CRF (Lafferty et al. 2001): p(tags) is proportional to exp(score(tags)), where

        score(tags) = start[tags_1] + sum_t logits[t, tags_t] + sum_t transitions[tags_t, tags_(t+1)] + end[tags_n]

    Masks are left-aligned: padding stands at the right of each sequence. Padded logits and tags may hold anything. A
    sequence without any token has log-likelihood 0 and score 0. Everything is computed in float32 at least (float64
    where the logits are), under autocast too. `log_likelihood` is computed in float64 on other devices than the CPU,
    which a host would have to wait for to learn whether float32 is enough.

    # Parameters

    num_tags : `int`
        How many tags there are.
    constraints : `List[Tuple[int, int]]`, optional (default = `None`)
        The allowed transitions, as `allennlp.modules.conditional_random_field.allowed_transitions` lists them: pairs of
        tags where `num_tags` stands for the start and `num_tags + 1` for the end. `None` allows all. Constraints shape
        decoding only: as in AllenNLP, `log_likelihood` sums over all sequences of tags, allowed or not. They are
        configuration, not weights, and hence no part of the `state_dict`.

    # Raises

    ConfigurationError
        Where a constraint names a tag outside of 0 to `num_tags + 1`.
    """

    _forbidden: torch.Tensor

    def __init__(self, num_tags: int, constraints: Optional[List[Tuple[int, int]]] = None) -> None:
        super().__init__()
        self.num_tags = num_tags
        self.transitions = torch.nn.Parameter(torch.empty(num_tags, num_tags))
        self.start_transitions = torch.nn.Parameter(torch.empty(num_tags))
        self.end_transitions = torch.nn.Parameter(torch.empty(num_tags))
        # Shape: (num_tags + 2, num_tags + 2)
        self.register_buffer("_forbidden", _forbidden_transitions(num_tags, constraints), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws all weights anew, as AllenNLP does: Xavier normal transitions, standard normal starts and ends."""
        torch.nn.init.xavier_normal_(self.transitions)
        torch.nn.init.normal_(self.start_transitions)
        torch.nn.init.normal_(self.end_transitions)

    def log_likelihood(self, logits: torch.Tensor, tags: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The natural logarithm of the probability of each sequence of tags, regardless of constraints.

        # Parameters

        logits : `torch.Tensor`
            The score of each tag at each token. Shape: (batch_size, sequence_length, num_tags)
        tags : `torch.Tensor`
            The sequences to score. Shape: (batch_size, sequence_length)
        mask : `torch.BoolTensor`
            True at tokens, False at padding. Shape: (batch_size, sequence_length)

        # Returns

        `torch.Tensor`
            Shape: (batch_size,). It can be differentiated once. Not a number where the transitions differ by more than
            300, on other devices than the CPU.
        """
        with torch.autocast(logits.device.type, enabled=False):
            on_cpu, returned = logits.device.type == "cpu", self._dtype(logits)
            dtype = returned if on_cpu else torch.float64
            weights = (self.start_transitions, self.end_transitions, self.transitions)
            start, end, transitions = (weight.to(dtype) for weight in weights)
            # Time first, as in all that follows.
            logits, tags, mask = logits.to(dtype).transpose(0, 1), tags.t(), mask.bool().t()
            # Shape: ()
            difference = transitions.detach().max() - transitions.detach().min()
            if not on_cpu:
                likelihood = _ScaledLogLikelihood.apply(logits, start, end, transitions, tags, mask)
                # Weights that no training leads to: better no number than a wrong one.
                return likelihood.where(difference <= _MAX_TRANSITION_RANGE_64, torch.nan).to(returned)
            if difference <= _MAX_TRANSITION_RANGE:
                return _ScaledLogLikelihood.apply(logits, start, end, transitions, tags, mask)
            emissions = _emissions(logits, start, end, mask)
            return _path_scores(emissions, transitions, tags, mask) - _log_partition(emissions, transitions, mask)

    @torch.no_grad()
    def viterbi(self, logits: torch.Tensor, mask: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        """The best sequence of tags that the constraints allow, for each sequence of logits (Viterbi 1967).

        # Parameters

        logits : `torch.Tensor`
            The score of each tag at each token. Shape: (batch_size, sequence_length, num_tags)
        mask : `torch.BoolTensor`
            True at tokens, False at padding. Shape: (batch_size, sequence_length)

        # Returns

        `Tuple[torch.Tensor, torch.Tensor]`
            The tags, 0 at padding, as int64; shape: (batch_size, sequence_length). Their scores, not normalised; shape:
            (batch_size,). Where the constraints allow no sequence of this length, the score is -inf and the tags mean
            nothing.
        """
        emissions, transitions = self._allowed_scores(logits, mask)
        mask = mask.bool().t()
        tags, scores = _best_paths(emissions, transitions, mask)
        return tags.masked_fill(~mask, 0).t().contiguous(), scores.masked_fill(~mask[0], 0.0)

    @torch.no_grad()
    def path_probabilities(
        self, logits: torch.Tensor, mask: torch.Tensor, rows: torch.Tensor, starts: torch.Tensor, paths: torch.Tensor
    ) -> torch.Tensor:
        """The posterior probability that neighbouring tokens have given tags: the share, among all sequences of tags
        that the constraints allow, of those that pass there (by the forward-backward algorithm, Rabiner 1989).

        # Parameters

        logits : `torch.Tensor`
            The score of each tag at each token. Shape: (batch_size, sequence_length, num_tags)
        mask : `torch.BoolTensor`
            True at tokens, False at padding. Shape: (batch_size, sequence_length)
        rows : `torch.Tensor`
            The sequence that each path lies in. Shape: (num_paths,)
        starts : `torch.Tensor`
            The token at which it starts. Shape: (num_paths,)
        paths : `torch.Tensor`
            Its tags, at least one, with -1 behind the last. It must end within its sequence.
            Shape: (num_paths, path_length)

        # Returns

        `torch.Tensor`
            In double precision, 0 where the constraints allow no sequence. Shape: (num_paths,)
        """
        # Sums over long sequences differ by less than float32 shows.
        emissions, transitions = self._allowed_scores(logits.double(), mask)
        mask = mask.bool().t()
        # Shape (each): (sequence_length, batch_size, num_tags)
        alphas, betas = _alphas(emissions, transitions, mask), _betas(emissions, transitions, mask)
        is_tag = paths >= 0
        # Shape: (num_paths, path_length)
        tags = paths.clamp(min=0)
        times = (starts.unsqueeze(1) + torch.arange(paths.size(1), device=paths.device)).clamp(max=len(mask) - 1)
        emitted = emissions[times, rows.unsqueeze(1), tags]
        passed = transitions[tags[:, :-1], tags[:, 1:]]
        # Shape: (num_paths,)
        within = (emitted[:, 1:] + passed).masked_fill(~is_tag[:, 1:], 0.0).sum(1)
        last = is_tag.sum(1, keepdim=True) - 1
        ends, last_tags = times.gather(1, last).squeeze(1), tags.gather(1, last).squeeze(1)
        log_sums = alphas[starts, rows, tags[:, 0]] + within + betas[ends, rows, last_tags]
        log_partition = alphas[-1].logsumexp(1)[rows]
        probabilities = (log_sums - log_partition).exp().clamp(max=1.0)
        return probabilities.masked_fill(log_partition == -torch.inf, 0.0)

    def allowed(self) -> Tuple[List[Optional[float]], List[List[Optional[float]]], List[Optional[float]]]:
        """The scores of starts, of transitions (from row to column) and of ends, as numbers; `None` where the
        constraints forbid it."""
        num_tags = self.num_tags
        # Shape: (num_tags + 1, num_tags + 1), the start as the last row, the end as the last column
        scores = torch.zeros(num_tags + 1, num_tags + 1)
        scores[:-1, :-1] = self.transitions.detach()
        scores[-1, :-1] = self.start_transitions.detach()
        scores[:-1, -1] = self.end_transitions.detach()
        forbidden = torch.zeros_like(scores, dtype=torch.bool)
        forbidden[:, :-1] = self._forbidden[: num_tags + 1, :num_tags]
        forbidden[:-1, -1] = self._forbidden[:num_tags, num_tags + 1]
        rows = [
            [None if is_forbidden else score for score, is_forbidden in zip(*row)]
            for row in zip(scores.tolist(), forbidden.tolist())
        ]
        return rows[-1][:-1], [row[:-1] for row in rows[:-1]], [row[-1] for row in rows[:-1]]

    def _allowed_scores(self, logits: torch.Tensor, mask: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        """Emissions, time first, and transitions; -inf where the constraints forbid it."""
        dtype = self._dtype(logits)
        start = self.start_transitions.to(dtype).masked_fill(self._forbidden[self.num_tags, :-2], -torch.inf)
        end = self.end_transitions.to(dtype).masked_fill(self._forbidden[:-2, self.num_tags + 1], -torch.inf)
        emissions = _emissions(logits.to(dtype).transpose(0, 1), start, end, mask.bool().t())
        return emissions, self.transitions.to(dtype).masked_fill(self._forbidden[:-2, :-2], -torch.inf)

    def _dtype(self, logits: torch.Tensor) -> torch.dtype:
        """What is computed in."""
        return torch.promote_types(torch.promote_types(logits.dtype, self.transitions.dtype), torch.float32)


def _emissions(logits: torch.Tensor, start: torch.Tensor, end: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Logits with starts and ends, which become part of the first and the last emission of each sequence: this leaves a
    chain of nothing but emissions and transitions. The emissions of padding are 0.

    Shape: (sequence_length, batch_size, num_tags)
    """
    emissions = logits.masked_fill(~mask.unsqueeze(2), 0.0).contiguous()
    emissions[0] += start
    emissions[_last(mask), torch.arange(mask.size(1), device=mask.device)] += end
    return emissions


def _last(mask: torch.Tensor) -> torch.Tensor:
    """The last token of each sequence; 0 for those without. (sequence_length, batch_size) -> (batch_size,)"""
    return (mask.sum(0) - 1).clamp(min=0)


def _forbidden_transitions(num_tags: int, constraints: Optional[List[Tuple[int, int]]]) -> torch.Tensor:
    """Shape: (num_tags + 2, num_tags + 2), from row to column; True where `constraints` do not list the pair."""
    forbidden = torch.full((num_tags + 2, num_tags + 2), constraints is not None)
    for source, target in constraints or []:
        if not (0 <= source < num_tags + 2 and 0 <= target < num_tags + 2):
            raise ConfigurationError(
                f"the constraint ({source}, {target}) names a tag outside of 0 to {num_tags + 1}; there are {num_tags} "
                f"tags, then {num_tags} means the start and {num_tags + 1} the end: use allowed_transitions()"
            )
        forbidden[source, target] = False
    return forbidden


def _path_scores(
    emissions: torch.Tensor, transitions: torch.Tensor, tags: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """The score of one path a sequence. Shape: (batch_size,)"""
    # Padding may hold any number, which need not be a tag.
    tags = tags.masked_fill(~mask, 0)
    # Shape: (sequence_length, batch_size)
    emitted = emissions.gather(2, tags.unsqueeze(2)).squeeze(2)
    # Shape: (sequence_length - 1, batch_size)
    passed = transitions[tags[:-1], tags[1:]]
    return emitted.masked_fill(~mask, 0.0).sum(0) + passed.masked_fill(~mask[1:], 0.0).sum(0)


def _log_partition(emissions: torch.Tensor, transitions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The logarithm of the sum of exp(score) over all paths, 0 for sequences without tokens: the forward algorithm in
    logarithms, for transitions of any size. Shape: (batch_size,)"""
    return torch.logsumexp(_alphas(emissions, transitions, mask)[-1], dim=1).masked_fill(~mask[0], 0.0)


def _alphas(emissions: torch.Tensor, transitions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The logarithm of the sum of exp(score) over all paths up to each token that end in each tag; at padding, that of
    the last token. Shape: (sequence_length, batch_size, num_tags)"""
    alphas = [emissions[0]]
    for emission, present in zip(emissions[1:], mask[1:].unsqueeze(2)):
        # Shape: (batch_size, num_tags)
        following = torch.logsumexp(alphas[-1].unsqueeze(2) + transitions, dim=1) + emission
        alphas.append(torch.where(present, following, alphas[-1]))
    return torch.stack(alphas)


def _betas(emissions: torch.Tensor, transitions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The same over all paths from behind each token with each tag to the end; 0 at the last token and at padding.
    Shape: (sequence_length, batch_size, num_tags)"""
    betas = [torch.zeros_like(emissions[0])]
    for emission, present in zip(emissions[1:].flip(0), mask[1:].unsqueeze(2).flip(0)):
        # Shape: (batch_size, num_tags)
        preceding = torch.logsumexp(transitions + (emission + betas[-1]).unsqueeze(1), dim=2)
        betas.append(torch.where(present, preceding, betas[-1]))
    return torch.stack(betas[::-1])


class _ScaledLogLikelihood(torch.autograd.Function):
    """The forward-backward algorithm on probabilities, scaled to sum to 1 at each token (Rabiner 1989, section V.A).

    With exponentials taken of all emissions at once, a token costs a (batch_size, num_tags) x (num_tags, num_tags)
    product, where the sum in logarithms takes batch_size * num_tags^2 exponentials. The gradients are the counts of
    tags and of pairs of tags in the given sequences, less the counts that the model expects: marginal probabilities.

    Loss and gradient of 32 x 50 tokens with 73 tags: sums of logarithms with torch's autograd take a CPU thread ten
    times as long, AllenNLP's CRF eleven times (benchmarks/modules.py).

    It sums all paths that matter as long as the transitions do not differ by more than `_MAX_TRANSITION_RANGE`,
    whatever the emissions: every tag is then within reach from every other.
    """

    @staticmethod
    def forward(
        ctx: Any,
        logits: torch.Tensor,
        start: torch.Tensor,
        end: torch.Tensor,
        transitions: torch.Tensor,
        tags: torch.Tensor,
        mask: torch.Tensor,
    ) -> torch.Tensor:
        emissions = _emissions(logits, start, end, mask)
        gold_scores = _path_scores(emissions, transitions, tags, mask)
        peaks = emissions.amax(dim=2, keepdim=True)
        # Shape: (sequence_length, batch_size, num_tags)
        likelihoods = emissions.sub_(peaks).exp_()
        top = transitions.max()
        # Shape: (num_tags, num_tags)
        factors = (transitions - top).exp_()

        # The probability of each tag given the tokens up to its own. Shape: (sequence_length, batch_size, num_tags)
        filtered = torch.empty_like(likelihoods)
        # Shape: (sequence_length, batch_size, 1)
        scales = torch.empty_like(peaks)
        arriving = torch.ones_like(filtered[0])
        for likelihood, current, scale in zip(likelihoods.unbind(), filtered.unbind(), scales.unbind()):
            arriving *= likelihood
            torch.sum(arriving, dim=1, keepdim=True, out=scale)
            torch.div(arriving, scale, out=current)
            torch.mm(current, factors, out=arriving)

        # Padding comes after the last emission: its share is left out, and nothing else depends on it.
        log_scales = (scales.log() + peaks).squeeze(2).masked_fill_(~mask, 0.0)
        ctx.save_for_backward(filtered, likelihoods.div_(scales), factors, tags, mask)
        return gold_scores - log_scales.sum(0) - top * mask[1:].sum(0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Tuple[Optional[torch.Tensor], ...]:
        filtered, likelihoods, factors, tags, mask = ctx.saved_tensors
        num_tags, last = len(factors), (_last(mask), torch.arange(len(gradient), device=mask.device))
        with torch.autocast(gradient.device.type, enabled=False):
            # What the tokens behind `time` say of the tag at `time`: of the last one 1, of padding 0.
            # Shape: (sequence_length, batch_size, num_tags)
            futures = torch.zeros_like(filtered)
            futures[last] = 1.0
            # The same for the token at `time` and those behind it.
            presents = torch.empty_like(filtered)
            likelihood, future, present = likelihoods.unbind(), futures.unbind(), presents.unbind()
            backwards = factors.t().contiguous()
            for time in range(len(filtered) - 1, 0, -1):
                torch.mul(likelihood[time], future[time], out=present[time])
                future[time - 1].addmm_(present[time], backwards)

            # Shape: (sequence_length, batch_size, 1)
            weights = (gradient * mask).unsqueeze(2)
            # Padding may hold any number, which need not be a tag. Shape: (sequence_length, batch_size, 1)
            tags = tags.masked_fill(~mask, 0).unsqueeze(2)
            # Shape: (sequence_length, batch_size, num_tags)
            of_tags = futures.mul_(filtered).mul_(-weights).scatter_add_(2, tags, weights)
            # Shape: (num_tags, num_tags)
            of_pairs = filtered[:-1].flatten(0, 1).t() @ presents[1:].mul_(-weights[1:]).flatten(0, 1)
            given = tags[:-1] * num_tags + tags[1:]
            of_pairs.mul_(factors).view(-1).index_add_(0, given.flatten(), weights[1:].flatten())
            return of_tags, of_tags[0].sum(0), of_tags[last].sum(0), of_pairs, None, None


def _best_paths(
    emissions: torch.Tensor, transitions: torch.Tensor, mask: torch.Tensor
) -> Tuple[torch.Tensor, torch.Tensor]:
    """The best path of each sequence, (sequence_length, batch_size), and its score, (batch_size,)."""
    # Transposed, so that the maximum runs over neighbours in memory. Shape: (num_tags, num_tags), to x from
    arrivals = transitions.t().contiguous()
    # The score of the best path that ends in each tag, token by token. Shape: (batch_size, num_tags)
    best = [emissions[0]]
    for emission, present in zip(emissions[1:], mask[1:].unsqueeze(2)):
        following = (best[-1].unsqueeze(1) + arrivals).amax(dim=2) + emission
        best.append(torch.where(present, following, best[-1]))

    # Shape: (batch_size,)
    scores, tag = best[-1].max(dim=1)
    path = [tag]
    for time in range(len(best) - 1, 0, -1):
        # The way back is found again along the one path, not stored for all tags. Shape: (batch_size,)
        previous = (best[time - 1] + arrivals[tag]).argmax(dim=1)
        tag = torch.where(mask[time], previous, tag)
        path.append(tag)
    return torch.stack(path[::-1]), scores
