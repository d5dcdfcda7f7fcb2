"""The reference copies token by token."""

from typing import List, Set, Tuple

import pytest
import torch

from hmtl.modules import DocumentLayout

# The sentence lengths of each document.
DOCUMENTS = [
    [[3]],
    [[2, 4, 1]],
    [[1], [5, 2], [3, 3, 3]],
    [[6, 1], [1], [2, 2]],
]


def layout_of(documents: List[List[int]], padding: int = 0) -> DocumentLayout:
    lengths = torch.tensor([length for document in documents for length in document])
    mask = torch.arange(int(lengths.max()) + padding) < lengths.unsqueeze(1)
    document_of = torch.tensor([number for number, document in enumerate(documents) for _ in document])
    return DocumentLayout(mask, document_of, len(documents))


def rows_of_documents(sentences: torch.Tensor, documents: List[List[int]]) -> torch.Tensor:
    output = torch.zeros(len(documents), max(map(sum, documents)), sentences.size(-1))
    row = 0
    for number, document in enumerate(documents):
        position = 0
        for length in document:
            for token in range(length):
                output[number, position] = sentences[row, token]
                position += 1
            row += 1
    return output


def rows_of_sentences(vectors: torch.Tensor, documents: List[List[int]], width: int) -> torch.Tensor:
    output = torch.zeros(sum(map(len, documents)), width, vectors.size(-1))
    row = 0
    for number, document in enumerate(documents):
        position = 0
        for length in document:
            for token in range(length):
                output[row, token] = vectors[number, position]
                position += 1
            row += 1
    return output


@pytest.mark.parametrize("documents", DOCUMENTS)
def test_spans_of_sentences_become_those_of_documents(documents: List[List[int]]) -> None:
    """Every sentence has its first token and the whole of it, and an empty row between; labels stay."""
    rows: List[List[List[int]]] = []
    expected: List[Set[Tuple[int, ...]]] = []
    for number, document in enumerate(documents):
        first = 0
        expected.append(set())
        for length in document:
            rows.append([[0, 0, number], [-1, -1, -1], [0, length - 1, 7]])
            expected[-1] |= {(first, first, number), (first, first + length - 1, 7)}
            first += length
    found = layout_of(documents).spans_to_documents(torch.tensor(rows)).tolist()
    assert [{tuple(row) for row in document if row[0] >= 0} for document in found] == expected
    assert all(row == [-1, -1, -1] for document in found for row in document if row[0] < 0)
    assert len(found[0]) == 3 * max(map(len, documents))


@pytest.mark.parametrize("documents", DOCUMENTS)
@pytest.mark.parametrize("padding", [0, 2])
def test_to_documents_and_back(documents: List[List[int]], padding: int) -> None:
    layout = layout_of(documents, padding)
    sentences = torch.randn(*layout.sentence_mask.shape, 3)
    as_documents = layout.to_documents(sentences)
    assert torch.equal(as_documents, rows_of_documents(sentences, documents))
    # What stands at padding does not come back.
    assert torch.equal(layout.to_sentences(as_documents), sentences * layout.sentence_mask.unsqueeze(-1))


@pytest.mark.parametrize("documents", DOCUMENTS)
@pytest.mark.parametrize("padding", [0, 2])
def test_to_sentences_of_other_vectors(documents: List[List[int]], padding: int) -> None:
    layout = layout_of(documents, padding)
    vectors = torch.randn(*layout.document_mask.shape, 2)
    width = layout.sentence_mask.size(1)
    assert torch.equal(layout.to_sentences(vectors), rows_of_sentences(vectors, documents, width))


@pytest.mark.parametrize("documents", DOCUMENTS)
def test_masks_and_sentences(documents: List[List[int]]) -> None:
    layout = layout_of(documents)
    assert layout.document_mask.sum(-1).tolist() == [sum(document) for document in documents]
    # Padding stands at the right.
    assert layout.document_mask.long().diff(dim=1).le(0).all()
    row = 0
    for number, document in enumerate(documents):
        ids = layout.sentence_ids[number][layout.document_mask[number]].tolist()
        assert ids == [row + n for n, length in enumerate(document) for _ in range(length)]
        row += len(document)


def test_given_sentences_are_kept() -> None:
    ids = torch.tensor([[0, 0, 1, 1, 2]])
    layout = DocumentLayout(torch.ones(1, 5, dtype=torch.bool), torch.tensor([0]), 1, ids)
    assert torch.equal(layout.sentence_ids, ids)


def test_without_documents_each_sentence_is_one() -> None:
    mask = torch.tensor([[True, True, True], [True, False, False]])
    layout = DocumentLayout(mask)
    vectors = torch.randn(2, 3, 4)
    assert torch.equal(layout.to_documents(vectors), vectors)
    assert torch.equal(layout.to_sentences(vectors), vectors)
    assert torch.equal(layout.document_mask, mask)
    assert layout.sentence_ids.tolist() == [[0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("way", ["to_documents", "to_sentences"])
def test_gradients_return_to_the_tokens_alone(way: str) -> None:
    layout = layout_of([[2, 4, 1], [3]])
    mask = layout.sentence_mask if way == "to_documents" else layout.document_mask
    vectors = torch.randn(*mask.shape, 2, requires_grad=True)
    (getattr(layout, way)(vectors) * 3).sum().backward()
    assert torch.equal(vectors.grad, 3.0 * mask.unsqueeze(-1).expand_as(vectors))
