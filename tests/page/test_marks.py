import random

from hmtl.page.marks import Annotated, Event, nested_marks


def test_nested():
    assert list(nested_marks([Annotated(0, 0, 7), Annotated(0, 1, 8)], 3)) == [
        Event("open", 8),
        Event("open", 7),
        Event("token", 0),
        Event("close", 7),
        Event("token", 1),
        Event("close", 8),
        Event("token", 2),
    ]


def test_one_that_crosses_is_cut():
    assert list(nested_marks([Annotated(0, 1, 0), Annotated(1, 2, 1)], 3)) == [
        Event("open", 0),
        Event("token", 0),
        Event("open", 1),
        Event("token", 1),
        Event("close", 1, False),
        Event("close", 0, True),
        Event("open", 1, False),
        Event("token", 2),
        Event("close", 1, True),
    ]


def test_random_spans_nest_and_hold_their_tokens():
    for _ in range(200):
        starts = [random.randrange(8) for _ in range(random.randrange(8))]
        spans = [Annotated(start, random.randrange(start, 8), number) for number, start in enumerate(starts)]
        opened, tokens, held = [], [], {span.identity: [] for span in spans}
        begun, ended = [], []
        for kind, number, whole in nested_marks(spans, 8):
            if kind == "open":
                opened.append(number)
                begun += [number] * whole
            elif kind == "close":
                assert opened.pop() == number
                ended += [number] * whole
            else:
                tokens.append(number)
                for identity in opened:
                    held[identity].append(number)
        assert opened == [] and tokens == list(range(8))
        assert held == {span.identity: list(range(span.start, span.end + 1)) for span in spans}
        assert sorted(begun) == sorted(ended) == list(range(len(spans)))
