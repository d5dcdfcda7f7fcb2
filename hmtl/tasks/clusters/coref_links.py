"""Links of spans to antecedents, and the clusters that they form."""

from typing import Dict, List

import torch


def of_antecedents(values: torch.Tensor, num_antecedents: int, missing: float) -> torch.Tensor:
    """For each span the values of the spans before it, nearest first, and `missing` where there is none.

    (num_spans, num_documents) -> (num_spans, num_documents, num_antecedents)
    """
    # Shape: (num_antecedents + num_spans, num_documents)
    padded = torch.nn.functional.pad(values, (0, 0, num_antecedents, 0), value=missing)
    return padded[:-1].unfold(0, num_antecedents, 1).flip(-1) if num_antecedents else values.new_empty(*values.shape, 0)


def chosen_antecedents(scores: torch.Tensor) -> torch.Tensor:
    """The position of every span's best antecedent, -1 where none is better than each.

    (num_spans, num_documents, 1 + num_antecedents) -> (num_spans, num_documents)
    """
    distances = scores.argmax(-1)
    # Shape: (num_spans, 1)
    positions = torch.arange(len(scores), device=scores.device).unsqueeze(1)
    return torch.where(distances > 0, positions - distances, -1)


def clusters_of(chosen: List[int]) -> List[List[int]]:
    """The clusters that links form, as numbers of spans; a span without a link is in no cluster."""
    cluster_of: Dict[int, List[int]] = {}
    clusters: List[List[int]] = []
    for number, antecedent in enumerate(chosen):
        if antecedent < 0:
            continue
        if antecedent not in cluster_of:
            cluster_of[antecedent] = [antecedent]
            clusters.append(cluster_of[antecedent])
        cluster_of[antecedent].append(number)
        cluster_of[number] = cluster_of[antecedent]
    return clusters


def alone(chosen: List[int], of_mentions: List[float]) -> List[int]:
    """The spans without a link in either direction that are mentions rather than not, by their numbers.

    `of_mentions` holds the probability of each span, and perhaps of more, that it is a mention.
    """
    linked = set(chosen)
    return [
        number
        for number, antecedent in enumerate(chosen)
        if antecedent < 0 and number not in linked and of_mentions[number] > 0.5
    ]


def link_probabilities(clusters: List[List[int]], chosen: List[int], probabilities: List[float]) -> List[List[float]]:
    """For each span of each cluster, the probability of the link that joined it; for the first, of the likeliest link
    to it. `probabilities` are those of what was chosen."""
    return [
        [
            max(probabilities[number] for number in cluster if chosen[number] == cluster[0]),
            *(probabilities[number] for number in cluster[1:]),
        ]
        for cluster in clusters
    ]
