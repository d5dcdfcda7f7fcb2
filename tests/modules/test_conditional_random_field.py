"""The reference is the definition: scores of all sequences of tags, one by one, in double precision."""

import itertools
import math
from typing import Callable, Dict, List, Optional, Tuple

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.modules.conditional_random_field import ConditionalRandomField as AllenNLPConditionalRandomField
from allennlp.modules.conditional_random_field import allowed_transitions
from fake_device import FakeDevice

from hmtl.common.devices import moved
from hmtl.modules import ConditionalRandomField

WEIGHTS = ("transitions", "start_transitions", "end_transitions")


def crf_with(
    num_tags: int, scale: float = 1.0, constraints: Optional[List[Tuple[int, int]]] = None
) -> ConditionalRandomField:
    crf = ConditionalRandomField(num_tags, constraints)
    for weight in crf.parameters():
        torch.nn.init.uniform_(weight, -scale, scale)
    return crf


def mask_of(lengths: List[int]) -> torch.Tensor:
    return torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)


def path_score(crf: ConditionalRandomField, logits: torch.Tensor, path: Tuple[int, ...]) -> torch.Tensor:
    transitions, start, end = (getattr(crf, name).double() for name in WEIGHTS)
    score = start[path[0]] + end[path[-1]]
    for time, tag in enumerate(path):
        score = score + logits[time, tag].double()
    for source, target in zip(path, path[1:]):
        score = score + transitions[source, target]
    return score


def all_paths(num_tags: int, length: int) -> List[Tuple[int, ...]]:
    return list(itertools.product(range(num_tags), repeat=length))


def brute_force_log_likelihood(
    crf: ConditionalRandomField, logits: torch.Tensor, tags: torch.Tensor, lengths: List[int]
) -> torch.Tensor:
    values = []
    for row, length in enumerate(lengths):
        if not length:
            values.append(torch.zeros((), dtype=torch.double))
            continue
        scores = torch.stack([path_score(crf, logits[row], path) for path in all_paths(crf.num_tags, length)])
        gold = path_score(crf, logits[row], tuple(tags[row, :length].tolist()))
        values.append(gold - torch.logsumexp(scores, 0))
    return torch.stack(values)


def brute_force_best(
    crf: ConditionalRandomField, logits: torch.Tensor, constraints: Optional[List[Tuple[int, int]]]
) -> Tuple[float, List[int]]:
    """The score and the tags of the best allowed sequence, for logits without padding."""
    num_tags = crf.num_tags

    def allowed(path: Tuple[int, ...]) -> bool:
        steps = zip((num_tags, *path), (*path, num_tags + 1))
        return constraints is None or all(step in constraints for step in steps)

    paths = [path for path in all_paths(num_tags, len(logits)) if allowed(path)]
    return max((path_score(crf, logits, path).item(), list(path)) for path in paths)


def gradients(
    value: Callable[[], torch.Tensor], crf: ConditionalRandomField, logits: torch.Tensor
) -> Dict[str, torch.Tensor]:
    leaves = {"logits": logits, **dict(crf.named_parameters())}
    return dict(zip(leaves, torch.autograd.grad(value(), list(leaves.values()))))


def assert_close(actual: Dict[str, torch.Tensor], expected: Dict[str, torch.Tensor], tolerance: float = 1e-5) -> None:
    assert actual.keys() == expected.keys()
    for name, tensor in actual.items():
        torch.testing.assert_close(tensor, expected[name], rtol=1e-5, atol=tolerance, msg=lambda m, n=name: f"{n}: {m}")


# The last two ranges of transitions are too wide for probabilities in float32.
@pytest.mark.parametrize("scale", [0.5, 5.0, 14.9, 50.0, 1000.0])
@pytest.mark.parametrize("logit_scale", [1.0, 60.0])
def test_log_likelihood_and_its_gradient_match_all_paths(scale: float, logit_scale: float):
    torch.manual_seed(int(scale))
    crf = crf_with(3, scale)
    lengths = [5, 1, 4, 0, 2]
    logits = (torch.randn(5, 5, 3) * logit_scale).requires_grad_()
    tags = torch.randint(0, 3, (5, 5))

    def expected() -> torch.Tensor:
        return brute_force_log_likelihood(crf, logits, tags, lengths)

    def actual() -> torch.Tensor:
        return crf.log_likelihood(logits, tags, mask_of(lengths))

    torch.testing.assert_close(actual().double(), expected(), rtol=1e-5, atol=1e-4)
    assert actual()[3] == 0
    weights = torch.tensor([1.0, -2.0, 0.5, 3.0, 0.1])
    assert_close(
        gradients(lambda: actual() @ weights, crf, logits),
        gradients(lambda: expected() @ weights.double(), crf, logits),
        2e-5 if scale < 100 else 1e-3,  # float32 holds no more of scores in the thousands
    )


@pytest.mark.parametrize("spread", [29.9, 30.1, 99.0])
@pytest.mark.parametrize("surplus", [-5.0, 0.0, 5.0])
def test_an_unlikely_tag_may_lead_to_the_likely_path(spread: float, surplus: float):
    # The first token speaks against tag 1, but only tag 1 leads on: its path may not be lost to underflow.
    crf = crf_with(2, 0.0)
    crf.transitions.data[0] = -spread
    logits = torch.tensor([[[0.0, -spread - surplus], [1.0, 0.0], [0.0, 0.5]]])
    tags = torch.tensor([[1, 1, 1]])
    expected = brute_force_log_likelihood(crf, logits, tags, [3])
    actual = crf.log_likelihood(logits, tags, mask_of([3]))
    torch.testing.assert_close(actual.double(), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("scale", [0.5, 50.0, 149.0, 151.0])
def test_on_another_device_it_is_computed_without_a_wait_or_is_no_number(scale: float):
    """Transitions differ by up to 300 there, however unlikely a tag makes its path."""
    lengths = [5, 3, 0]
    crf, logits = crf_with(3, scale), 60 * torch.randn(3, 5, 3)
    with torch.no_grad():
        crf.transitions[0, 1], crf.transitions[2, 2] = scale, -scale
    tags = torch.randint(3, (3, 5))
    expected = brute_force_log_likelihood(crf, logits, tags, lengths)
    of_weights = torch.autograd.grad(expected.sum(), list(crf.parameters()))
    with FakeDevice() as device:
        crf.to(device.device)
        inputs = moved([logits, tags, mask_of(lengths)], device.device)
        device.take()
        found = crf.log_likelihood(*inputs)
        found.sum().backward()
        assert not device.take()
        assert found.dtype == torch.float32
        if scale > 150:
            assert found.isnan().all()
            return
        torch.testing.assert_close(found.detach().cpu(), expected.detach().float(), rtol=1e-5, atol=1e-4)
        for weight, gradient in zip(crf.parameters(), of_weights):
            torch.testing.assert_close(weight.grad.cpu(), gradient.float(), rtol=1e-4, atol=1e-4)


def test_probabilities_of_all_paths_sum_to_one():
    torch.manual_seed(0)
    crf = crf_with(3, 2.0)
    paths = torch.tensor(all_paths(3, 4))
    logits = torch.randn(1, 4, 3).expand(len(paths), -1, -1)
    probabilities = crf.log_likelihood(logits, paths, torch.ones_like(paths, dtype=torch.bool)).exp()
    assert probabilities.sum().item() == pytest.approx(1.0, abs=1e-5)


def test_hand_worked_value():
    # Two tags, two tokens, all scores 0 but transition 0 -> 1, which is ln 2: weights 1, 2, 1 and 1, of 5.
    crf = ConditionalRandomField(2)
    for weight in crf.parameters():
        torch.nn.init.zeros_(weight)
    crf.transitions.data[0, 1] = math.log(2)
    tags = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
    value = crf.log_likelihood(torch.zeros(4, 2, 2), tags, torch.ones(4, 2, dtype=torch.bool))
    assert value.tolist() == pytest.approx([math.log(1 / 5), math.log(2 / 5), math.log(1 / 5), math.log(1 / 5)])


@pytest.mark.parametrize("num_tags, lengths", [(9, [7, 7, 3, 1]), (2, [1]), (1, [3, 2]), (25, [12, 30, 1])])
def test_agrees_with_allennlp(num_tags: int, lengths: List[int]):
    torch.manual_seed(num_tags)
    reference = AllenNLPConditionalRandomField(num_tags)
    crf = ConditionalRandomField(num_tags)
    for name in WEIGHTS:
        getattr(crf, name).data.copy_(getattr(reference, name))
    mask = mask_of(lengths)
    logits = torch.randn(*mask.shape, num_tags).requires_grad_()
    tags = torch.randint(0, num_tags, mask.shape)

    expected, actual = reference(logits, tags, mask), crf.log_likelihood(logits, tags, mask).sum()
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-4)
    # AllenNLP does not touch the transitions where there is but one token.
    both = (
        torch.autograd.grad(value, [logits, *(getattr(module, name) for name in WEIGHTS)], materialize_grads=True)
        for value, module in ((actual, crf), (expected, reference))
    )
    for ours, theirs in zip(*both):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=2e-5)

    best, scores = crf.viterbi(logits, mask)
    for row, (path, score) in enumerate(reference.viterbi_tags(logits, mask)):
        assert best[row].tolist() == path + [0] * (mask.size(1) - len(path))
        assert scores[row].item() == pytest.approx(float(score), abs=1e-4)


def test_constrained_paths_agree_with_allennlp():
    torch.manual_seed(0)
    labels = dict(enumerate(["O"] + [f"{position}-{kind}" for kind in ("PER", "LOC") for position in "BIUL"]))
    constraints = allowed_transitions("BIOUL", labels)
    reference = AllenNLPConditionalRandomField(len(labels), constraints)
    crf = ConditionalRandomField(len(labels), constraints)
    crf.load_state_dict({name: getattr(reference, name) for name in WEIGHTS})
    mask = mask_of([9, 5, 1, 8])
    logits = 3 * torch.randn(4, 9, len(labels))
    best, scores = crf.viterbi(logits, mask)
    for row, (path, score) in enumerate(reference.viterbi_tags(logits, mask)):
        assert best[row, : len(path)].tolist() == path
        assert scores[row].item() == pytest.approx(float(score), abs=1e-4)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("constrained", [False, True])
def test_viterbi_finds_the_best_of_all_paths(seed: int, constrained: bool):
    torch.manual_seed(seed)
    constraints = None
    if constrained:
        # A tag may always follow itself, so that there is a path of every length.
        chosen = (torch.rand(5, 5) < 0.5) | torch.eye(5, dtype=torch.bool)
        chosen[3, seed % 3] = chosen[seed % 3, 4] = True
        constraints = [(source, target) for source, target in chosen.nonzero().tolist()]
    crf = crf_with(3, 3.0, constraints)
    lengths = [4, 1, 0, 3]
    logits = torch.randn(4, 4, 3)
    tags, scores = crf.viterbi(logits, mask_of(lengths))
    assert tags.dtype == torch.int64
    for row, length in enumerate(lengths):
        assert tags[row, length:].tolist() == [0] * (4 - length)
        if not length:
            assert scores[row] == 0
            continue
        score, path = brute_force_best(crf, logits[row, :length], constraints)
        assert tags[row, :length].tolist() == path
        assert scores[row].item() == pytest.approx(score, abs=1e-4)


def test_constraints_hold_whatever_the_scores():
    # Start -> 0 -> 1 -> end is the only path; all scores speak for tag 2.
    crf = crf_with(3, constraints=[(3, 0), (0, 1), (1, 4)])
    logits = torch.tensor([[[0.0, 0.0, 1e6]]]).repeat(1, 2, 1)
    tags, scores = crf.viterbi(logits, torch.ones(1, 2, dtype=torch.bool))
    assert tags.tolist() == [[0, 1]]
    expected = crf.start_transitions[0] + crf.transitions[0, 1] + crf.end_transitions[1]
    assert scores.item() == pytest.approx(expected.item(), abs=1e-5)
    # A single token would have to be both 0 and 1.
    assert crf.viterbi(logits[:, :1], torch.ones(1, 1, dtype=torch.bool))[1].item() == -math.inf


def test_constraints_do_not_shape_the_likelihood():
    torch.manual_seed(0)
    free, bound = ConditionalRandomField(3), ConditionalRandomField(3, [(3, 0), (0, 0), (0, 4)])
    bound.load_state_dict(free.state_dict())
    logits, tags, mask = torch.randn(2, 4, 3), torch.randint(0, 3, (2, 4)), mask_of([4, 2])
    assert torch.equal(free.log_likelihood(logits, tags, mask), bound.log_likelihood(logits, tags, mask))


# Transitions within and beyond what the sum over probabilities takes.
@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_gradients_match_finite_differences(scale: float):
    torch.manual_seed(0)
    crf = crf_with(4, scale).double()
    logits = torch.randn(3, 5, 4, dtype=torch.double, requires_grad=True)
    tags, mask = torch.randint(0, 4, (3, 5)), mask_of([5, 1, 3])

    def value(logits: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        named = dict(zip(WEIGHTS, weights))
        return torch.func.functional_call(crf, named, (logits, tags, mask))

    # functional_call runs `forward`, which this module leaves to its two methods.
    crf.forward = crf.log_likelihood  # type: ignore[method-assign]
    assert torch.autograd.gradcheck(value, (logits, *(getattr(crf, name) for name in WEIGHTS)))


def test_gradient_may_be_taken_again():
    torch.manual_seed(0)
    crf, logits = crf_with(4), torch.randn(2, 6, 4, requires_grad=True)
    value = crf.log_likelihood(logits, torch.zeros(2, 6, dtype=torch.long), mask_of([6, 4])).sum()
    first = torch.autograd.grad(value, logits, retain_graph=True)[0]
    assert torch.equal(first, torch.autograd.grad(value, logits)[0])


@pytest.mark.parametrize("magnitude", [1e2, 1e4, 1e6])
def test_extreme_logits(magnitude: float):
    # Every token but the fourth shouts its tag; the gold path follows, but for the fourth, where the margin is 1.
    torch.manual_seed(0)
    crf = crf_with(4, 10.0)
    tags = torch.randint(0, 4, (1, 60))
    logits = magnitude * (2 * torch.nn.functional.one_hot(tags, 4).float() - 1)
    logits[0, 3] = torch.tensor([1.0, 0.0, 0.0, 0.0])
    logits.requires_grad_()
    mask = torch.ones_like(tags, dtype=torch.bool)
    value = crf.log_likelihood(logits, tags, mask)
    # All that is uncertain is the fourth tag, between two neighbours that are known.
    before, gold, after = tags[0, 2:5]
    options = logits[0, 3] + crf.transitions[before] + crf.transitions[:, after]
    expected = torch.log_softmax(options, 0)[gold].item()
    # Sums near 60 * magnitude cancel to a number near 1: that much of float32 is lost.
    assert value.item() == pytest.approx(expected, abs=60 * magnitude * 1.2e-7 * 4)
    (gradient,) = torch.autograd.grad(value, logits)
    expected_gradient = torch.nn.functional.one_hot(gold, 4) - torch.softmax(options, 0)
    torch.testing.assert_close(gradient[0, 3], expected_gradient.detach(), rtol=0, atol=1e-5)
    assert gradient[0, 10:].abs().max() < 1e-6

    best, scores = crf.viterbi(logits, mask)
    expected_tags = tags.clone()
    expected_tags[0, 3] = options.argmax()
    assert torch.equal(best, expected_tags)
    assert scores.item() == pytest.approx(path_score(crf, logits[0], tuple(best[0].tolist())).item(), rel=1e-5)


def test_long_sequences_do_not_underflow():
    # With all weights 0, every tag sequence of n tokens has probability 5^-n.
    crf = crf_with(5, 0.0)
    tags = torch.zeros(1, 3000, dtype=torch.long)
    value = crf.log_likelihood(torch.zeros(1, 3000, 5), tags, torch.ones_like(tags, dtype=torch.bool))
    assert value.item() == pytest.approx(-3000 * math.log(5), rel=1e-5)


def test_nothing_depends_on_padding():
    torch.manual_seed(0)
    crf = crf_with(4)
    lengths = [6, 3, 0]
    mask = mask_of(lengths)
    clean = torch.randn(3, 6, 4)
    tags = torch.randint(0, 4, (3, 6))
    dirty = clean.clone()
    dirty[1, 3:], dirty[2] = torch.nan, torch.inf
    dirty_tags = tags.masked_fill(~mask, -100)
    clean.requires_grad_(), dirty.requires_grad_()

    assert torch.equal(crf.log_likelihood(dirty, dirty_tags, mask), crf.log_likelihood(clean, tags, mask))
    for actual, expected in zip(crf.viterbi(dirty, mask), crf.viterbi(clean, mask)):
        assert torch.equal(actual, expected)
    assert_close(
        gradients(lambda: crf.log_likelihood(dirty, dirty_tags, mask).sum(), crf, dirty),
        gradients(lambda: crf.log_likelihood(clean, tags, mask).sum(), crf, clean),
        0.0,
    )
    alone = crf.log_likelihood(clean[1:2, :3], tags[1:2, :3], mask[1:2, :3])
    torch.testing.assert_close(crf.log_likelihood(clean, tags, mask)[1:2], alone)


def test_not_a_number_is_not_hidden():
    crf, logits = crf_with(3), torch.zeros(2, 4, 3)
    logits[0, 1, 1] = torch.nan
    value = crf.log_likelihood(logits, torch.zeros(2, 4, dtype=torch.long), mask_of([4, 4]))
    assert value.isnan().tolist() == [True, False]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype: torch.dtype):
    torch.manual_seed(0)
    crf = crf_with(6)
    logits = torch.randn(3, 8, 6).to(dtype).requires_grad_()
    tags, mask = torch.randint(0, 6, (3, 8)), mask_of([8, 2, 5])
    with torch.autocast("cpu", torch.bfloat16):
        value = crf.log_likelihood(logits, tags, mask)
        best, scores = crf.viterbi(logits, mask)
        # The backward pass, too, when it runs within the context.
        actual = gradients(value.sum, crf, logits)
    assert value.dtype == scores.dtype == torch.float32
    assert actual["logits"].dtype == dtype

    full = logits.detach().float().requires_grad_()
    torch.testing.assert_close(value, crf.log_likelihood(full, tags, mask))
    assert torch.equal(best, crf.viterbi(full, mask)[0])
    expected = gradients(crf.log_likelihood(full, tags, mask).sum, crf, full)
    expected["logits"] = expected["logits"].to(dtype)
    assert_close(actual, expected)


def test_constraints_are_no_part_of_the_weights():
    assert set(ConditionalRandomField(3, [(0, 1)]).state_dict()) == set(WEIGHTS)


@pytest.mark.parametrize("constraint", [(0, 5), (-1, 0)])
def test_constraints_outside_the_tags_are_refused(constraint: Tuple[int, int]):
    with pytest.raises(ConfigurationError, match="outside of 0 to 4"):
        ConditionalRandomField(3, [constraint])


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("constrained", [False, True])
def test_path_probabilities_are_shares_of_all_paths(seed: int, constrained: bool):
    torch.manual_seed(seed)
    num_tags, lengths = 3, [4, 1, 0, 3]
    allowed = {(s, t) for s in range(num_tags + 2) for t in range(num_tags + 2)}
    if constrained:
        chosen = (torch.rand(5, 5) < 0.5) | torch.eye(5, dtype=torch.bool)
        chosen[3, seed % 3] = chosen[seed % 3, 4] = True
        allowed = {(source, target) for source, target in chosen.nonzero().tolist()}
    crf = crf_with(num_tags, 3.0, sorted(allowed) if constrained else None)
    logits = 3 * torch.randn(4, 4, num_tags)
    expected, rows, starts, paths = [], [], [], []
    for row, length in enumerate(lengths):
        weights = {
            path: math.exp(path_score(crf, logits[row], path).item())
            for path in all_paths(num_tags, length)
            if length and all(step in allowed for step in zip((num_tags, *path), (*path, num_tags + 1)))
        }
        for start in range(length):
            for width in range(1, length - start + 1):
                for tags in all_paths(num_tags, width):
                    through = sum(weight for path, weight in weights.items() if path[start : start + width] == tags)
                    expected.append(through / sum(weights.values()))
                    rows.append(row), starts.append(start), paths.append(list(tags) + [-1] * (4 - width))
    found = crf.path_probabilities(logits, mask_of(lengths), *map(torch.tensor, (rows, starts, paths)))
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.double), rtol=1e-5, atol=1e-6)


def test_path_probabilities_where_no_sequence_is_allowed():
    # Start -> 0 -> 1 -> end: a sequence of one token would have to be both.
    crf = crf_with(3, constraints=[(3, 0), (0, 1), (1, 4)])
    arguments = (
        torch.zeros(1, dtype=torch.long),
        torch.zeros(1, dtype=torch.long),
        torch.zeros(1, 1, dtype=torch.long),
    )
    assert crf.path_probabilities(torch.randn(1, 1, 3), mask_of([1]), *arguments).tolist() == [0.0]
