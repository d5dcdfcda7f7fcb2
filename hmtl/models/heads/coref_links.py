"""Links of spans to antecedents, and the clusters that they form."""

from typing import Dict, List

import torch


def nearest_antecedents(num_spans: int, max_antecedents: int, device: torch.device) -> torch.Tensor:
    """For each span the indices of the spans before it, nearest first, -1 where there is none.

    Shape: (num_spans, min(max_antecedents, num_spans - 1), at least 1).
    """
    offsets = torch.arange(1, max(1, min(max_antecedents, num_spans - 1)) + 1, device=device)
    antecedents = torch.arange(num_spans, device=device).unsqueeze(1) - offsets
    return antecedents.clamp(min=-1)


def chosen_antecedents(antecedents: torch.Tensor, scores: torch.Tensor) -> List[int]:
    """Every span's best antecedent, -1 where none is better than each."""
    best = scores.argmax(-1) - 1
    # Shape: (num_spans,)
    chosen = antecedents.gather(1, best.clamp(min=0).unsqueeze(1)).squeeze(1).masked_fill(best < 0, -1)
    return chosen.tolist()


def clusters_of(chosen: List[int]) -> List[List[int]]:
    """The spans that links join, by their numbers; spans without links form no cluster."""
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


def link_probabilities(clusters: List[List[int]], chosen: List[int], scores: torch.Tensor) -> List[List[float]]:
    """For each span of each cluster, the probability of the link that joined it; for the first, of the likeliest link
    to it."""
    # What was chosen is the likeliest.
    probabilities = scores.softmax(-1).amax(-1).tolist()
    return [
        [
            max(probabilities[number] for number in cluster if chosen[number] == cluster[0]),
            *(probabilities[number] for number in cluster[1:]),
        ]
        for cluster in clusters
    ]
