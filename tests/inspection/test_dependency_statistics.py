from hmtl.corpora.dependencies import Dependency, set_dependencies
from hmtl.document import Document
from hmtl.inspection.layers import DependencyStatistics


def test_arcs_distances_and_depths_by_hand():
    # "A letter arrived that surprised", whose clause depends on `letter` across the root.
    document = Document("a", [["A", "letter", "arrived", "that", "surprised"], ["Yes"]])
    arcs = [Dependency(token, head, "x") for token, head in enumerate([1, 2, -1, 4, 1])]
    set_dependencies(document, [arcs, [Dependency(0, -1, "root")]])
    document.metadata.update(multiword_tokens=[[0, 1, "Aletter"]], empty_nodes=2)
    broken = Document("b", [["Yes"]])
    set_dependencies(broken, [[Dependency(0, 0, "root")]])
    statistics = DependencyStatistics()
    for each in (document, broken):
        statistics.add(each)
    found = statistics.to_json()
    assert (found["documents"], found["documents_without_trees"], found["trees"], found["arcs"]) == (2, 1, 2, 4)
    assert (found["head_distance"]["mean"], found["head_distance"]["max"]) == (1.5, 3)
    # `that` below `surprised` below `letter` below `arrived`.
    assert found["tree_depth"]["max"] == 4 and found["tree_depth"]["mean"] == 2.5
    assert (found["head_first"], found["head_first_share"]) == (1, 0.25)
    assert (found["crossing_arcs"], found["crossing_trees"], found["crossing_trees_share"]) == (1, 1, 0.5)
    assert (found["multiword_tokens"], found["empty_nodes"]) == (1, 2)
