"""The reference is DocRED's algorithm, over the records of its files: entities by their number."""

import json
import random
from typing import Any, Dict, List, Set, Tuple

import pytest
import torch
from workers import run_workers

from hmtl.corpora import RedocredCorpus
from hmtl.corpora.entity_relations import EntityRelations
from hmtl.document import Document, Relation, Span
from hmtl.metrics import EntityRelationScores

WORDS, TYPES = ["ann", "bo", "cy", "dee", "oslo"], ["P1", "P2", "P3"]
Record = Dict[str, Any]
# Title, entities by number, or else by a name that no gold entity has, and type.
Answer = Tuple[str, Any, Any, str]


def record_of(draw: random.Random, title: str) -> Record:
    """A record of DocRED with a mention of one or two words in most places."""
    sentences = [[draw.choice(WORDS) for _ in range(8)] for _ in range(4)]
    places = [(sentence, start, start + draw.choice([1, 2])) for sentence in range(4) for start in (0, 2, 4, 6)]
    draw.shuffle(places)
    entities: List[List[Any]] = [[] for _ in range(6)]
    for number, (sentence, start, stop) in enumerate(places[:12]):
        entity = number if number < 6 else draw.randrange(6)
        name = " ".join(sentences[sentence][start:stop])
        entities[entity].append({"sent_id": sentence, "pos": [start, stop], "type": "T", "name": name})
    pairs = [(h, t) for h in range(6) for t in range(6) if h != t]
    labels = [{"h": h, "t": t, "r": draw.choice(TYPES), "evidence": []} for h, t in draw.sample(pairs, 9)]
    return {"title": title, "sents": sentences, "vertexSet": entities, "labels": labels}


def facts_of(records: List[Record]) -> Set[Tuple[str, str, str]]:
    found = set()
    for record in records:
        for label in record["labels"]:
            for first in record["vertexSet"][label["h"]]:
                for second in record["vertexSet"][label["t"]]:
                    found.add((first["name"], second["name"], label["r"]))
    return found


def official(records: List[Record], answers: Set[Answer], facts: Set[Tuple[str, str, str]]) -> Tuple[float, ...]:
    """F1, Ign F1 and recall, as evaluation.py counts."""
    truth = {(x["title"], y["h"], y["t"], y["r"]) for x in records for y in x["labels"]}
    entities = {x["title"]: x["vertexSet"] for x in records}
    correct = correct_in_train = 0
    for title, head, tail, label in answers:
        if (title, head, tail, label) in truth:
            correct += 1
            in_train = False
            for first in entities[title][head]:
                for second in entities[title][tail]:
                    if (first["name"], second["name"], label) in facts:
                        in_train = True
            correct_in_train += in_train
    precision, recall = correct / len(answers), correct / len(truth)
    ignoring = (correct - correct_in_train) / (len(answers) - correct_in_train)
    return 2 * precision * recall / (precision + recall), 2 * ignoring * recall / (ignoring + recall), recall


def bounds_of(record: Record, mention: Any) -> Tuple[int, int]:
    first = sum(map(len, record["sents"][: mention["sent_id"]]))
    return first + mention["pos"][0], first + mention["pos"][1] - 1


@pytest.mark.parametrize("seed", range(5))
def test_figures_are_those_of_docred(seed: int, tmp_path: Any) -> None:
    draw = random.Random(seed)
    train, test = ([record_of(draw, f"{name} {n}") for n in range(6)] for name in ("train", "test"))
    path = tmp_path / "records.json"
    path.write_text(json.dumps(train + test))
    documents = list(RedocredCorpus("keep").documents(str(path)))
    predicted: List[List[Relation]] = []
    answers: Set[Answer] = set()
    for record in test:
        relations: List[Relation] = []
        # Some of what is gold, by any of its mentions and perhaps by several, and some that is wrong.
        for label in record["labels"]:
            entities = [record["vertexSet"][label[key]] for key in "ht"]
            for _ in range(draw.choice([0, 1, 2, 3])):
                relations.append(Relation(*(bounds_of(record, draw.choice(e)) for e in entities), label["r"]))
                answers.add((record["title"], label["h"], label["t"], label["r"]))
        for _ in range(4):
            head, tail, label = draw.randrange(6), draw.randrange(6), draw.choice(TYPES)
            mentions = [record["vertexSet"][number][0] for number in (head, tail)]
            relations.append(Relation(*(bounds_of(record, mention) for mention in mentions), label))
            answers.add((record["title"], head, tail, label))
        # What is no mention is no entity.
        relations += [Relation((3, 5), (0, 0), "P1"), Relation((3, 5), (0, 0), "P1")]
        [first] = [n for n, e in enumerate(record["vertexSet"]) if (0, 0) in {bounds_of(record, m) for m in e}] or [-1]
        answers.add((record["title"], "(3, 5)", first, "P1"))
        predicted.append(relations)
    metric = EntityRelationScores()
    metric(predicted, documents[6:])
    assert "ign_f1_entities" not in metric.get_metric(reset=True)
    metric.learn_facts(documents[:6])
    for document, relations in zip(documents[6:], predicted):
        metric([relations], [document])
    scores = metric.get_metric()
    f1, ign_f1, recall = official(test, answers, facts_of(train))
    assert scores["f1_entities"] == pytest.approx(f1, abs=1e-12)
    assert scores["ign_f1_entities"] == pytest.approx(ign_f1, abs=1e-12) and 0 < ign_f1 < f1
    assert scores["recall_entities"] == pytest.approx(recall, abs=1e-12)
    within = 0
    for record in test:
        sentences = [{mention["sent_id"] for mention in entity} for entity in record["vertexSet"]]
        within += sum(bool(sentences[label["h"]] & sentences[label["t"]]) for label in record["labels"])
    assert scores["entities_in_one_sentence"] == pytest.approx(within / (6 * 9)) and 0 < within < 54


def test_documents_without_clusters_have_no_part_and_no_document_no_scores() -> None:
    relations = [Relation((0, 0), (1, 1), "R")]
    metric = EntityRelationScores()
    metric([[]], [Document("a", [["x", "y"]], {}, relations, None)])
    assert metric.get_metric() == {}
    metric([relations], [Document("a", [["x", "y"]], {}, relations, [])])
    assert metric.get_metric(reset=True)["f1_entities"] == 1
    assert metric.get_metric() == {}


def test_a_mention_in_two_clusters_is_of_the_first() -> None:
    document = Document("a", [list("wxyz")], {"ner": [Span(0, 0, "A")]}, [], [[(1, 1), (0, 0)], [(1, 1), (2, 2)]])
    relations = EntityRelations(document)
    assert relations.of(
        [Relation((1, 1), (2, 2), "R"), Relation((0, 0), (2, 2), "R"), Relation((3, 3), (2, 2), "R")]
    ) == {
        Relation((0, 0), (1, 1), "R"),
        Relation((3, 3), (1, 1), "R"),
    }


def _worker_scores() -> Dict[str, float]:
    """Of two relations each of two workers has one, and the second one finds it; a third has no document."""
    metric, rank = EntityRelationScores(), torch.distributed.get_rank()
    if rank == 2:
        return metric.get_metric()
    relation = Relation((0, 0), (1, 1), "R")
    document = Document("a", [["x"], ["y"]], {}, [relation], [])
    metric([[relation] * rank], [document])
    return metric.get_metric()


@pytest.mark.slow
def test_counts_are_summed_over_workers() -> None:
    for scores in run_workers(_worker_scores, num_workers=3):
        assert scores["precision_entities"] == 1 and scores["recall_entities"] == 0.5
        assert scores["entities_in_one_sentence"] == 0
