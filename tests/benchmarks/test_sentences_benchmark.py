"""The raw texts that are made of a small excerpt, and scores by hand."""

import importlib
from pathlib import Path
from typing import Any, List

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

# Words with what the last column says of them.
EXCERPT = """# newdoc id = GUM_bio_lind
# newpar
# sent_id = GUM_bio_lind-1
# text = Ada Lind
1\tAda\t_\t_\t_\t_\t_\t_\t_\t_
2\tLind\t_\t_\t_\t_\t_\t_\t_\t_

# newpar
# newpar_block = p (2 s)
# sent_id = GUM_bio_lind-2
# text = Dr. Lind can't go.
1\tDr.\t_\t_\t_\t_\t_\t_\t_\t_
2\tLind\t_\t_\t_\t_\t_\t_\t_\tEntity=(1)
3-4\tcan't\t_\t_\t_\t_\t_\t_\t_\t_
3\tca\t_\t_\t_\t_\t_\t_\t_\t_
4\tn't\t_\t_\t_\t_\t_\t_\t_\t_
5\tgo\t_\t_\t_\t_\t_\t_\t_\tXML=<w>|SpaceAfter=No
5.1\tgone\t_\t_\t_\t_\t_\t_\t_\t_
6\t.\t_\t_\t_\t_\t_\t_\t_\t_

# sent_id = GUM_bio_lind-3
# text = Allez au lit!
1\tAllez\t_\t_\t_\t_\t_\t_\t_\t_
2-3\tau\t_\t_\t_\t_\t_\t_\t_\t_
2\tà\t_\t_\t_\t_\t_\t_\t_\t_
3\tle\t_\t_\t_\t_\t_\t_\t_\t_
4\tlit\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No
5\t!\t_\t_\t_\t_\t_\t_\t_\t_
"""


@pytest.fixture()
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("sentences")


@pytest.fixture()
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "dep").mkdir()
    (tmp_path / "dep" / "GUM_bio_lind.conllu").write_text(EXCERPT, encoding="utf-8")
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.txt").write_text("GUM_bio_lind\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "layout, text",
    [
        ("lines", "Ada Lind\nDr. Lind can't go. Allez au lit!"),
        ("blank", "Ada Lind\n\nDr. Lind can't go. Allez au lit!"),
        ("wrapped", "Ada Lind\n\nDr. Lind can't go. Allez au lit!"),
        ("flat", "Ada Lind Dr. Lind can't go. Allez au lit!"),
    ],
)
def test_texts_by_hand(benchmark: Any, corpus: Path, layout: str, text: str) -> None:
    (document,) = benchmark.read_split(corpus, "test")
    made, spans = document.raw(layout)
    assert (document.genre, made) == ("bio", text)
    # The words of "can't" make it up and are two tokens; those of "au" do not, and it is one.
    assert [[made[start:end] for start, end in sentence] for sentence in spans] == [
        ["Ada", "Lind"],
        ["Dr.", "Lind", "ca", "n't", "go", "."],
        ["Allez", "au", "lit", "!"],
    ]


def test_wrapped_lines_have_72_columns_at_most_and_the_same_characters(benchmark: Any) -> None:
    text = " ".join(["seven77"] * 30) + "\n\n" + "x" * 100 + " end"
    lines = benchmark._wrapped(text).split("\n")
    # Nine words of seven characters with the spaces between them are 71.
    assert [len(line) for line in lines] == [71, 71, 71, 23, 0, 100, 3]
    assert benchmark._wrapped(text).split() == text.split()
    exact = "a" * 36 + " " + "b" * 35
    assert benchmark._wrapped(f"{exact} c") == f"{exact}\nc"


def test_scores_by_hand(benchmark: Any, corpus: Path) -> None:
    documents = benchmark.read_split(corpus, "test")
    text = "Ada Lind\nDr. Lind can't go. Allez au lit!"

    def at_blanks(given: str) -> List[Any]:
        # Sentences: up to "Dr.", up to "go.", the rest. One of the three boundaries is right, one of the two is found.
        assert given == text
        places = {word: (text.index(word), text.index(word) + len(word)) for word in ("Ada", "can't", "go.", "au")}
        first, second = (4, 8), (13, 17)
        dr, allez, lit = (9, 12), (28, 33), (37, 41)
        return [
            [places["Ada"], first, dr],
            [second, places["can't"], places["go."]],
            [allez, places["au"], lit],
        ]

    counts = benchmark.count(documents, "lines", at_blanks)
    assert {*counts} == {"bio", "all"}
    breaks, tokens = counts["all"]
    # Gold: behind "Ada Lind" (8) and "go." (27). Found: behind "Dr." (12) and "go." (27).
    assert (breaks.right, breaks.found, breaks.gold) == (1, 2, 2)
    assert breaks.scores() == {"precision": 50.0, "recall": 50.0, "f1": 50.0}
    # Right: Ada, Lind, Dr., Lind, Allez, au. Found 9, gold 12.
    assert (tokens.right, tokens.found, tokens.gold) == (6, 9, 12)
    assert tokens.scores()["f1"] == pytest.approx(100 * 12 / 21)
    assert benchmark.Counts().scores() == {"precision": 0.0, "recall": 0.0, "f1": 0.0}


def test_all_systems_are_measured_and_written(
    benchmark: Any, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "table.md"
    benchmark.main([str(corpus), "--layout", "lines", "--layout", "flat", "--quick", "--markdown", str(table)])
    measured = table.read_text(encoding="utf-8")
    # The heading's end is found at the line break alone, and by hmtl alone.
    assert "| all | 2 | 66.7 | 66.7 | 100.0 |" in measured and "| all | 2 | 66.7 | 66.7 | 66.7 |" in measured
    assert "CPU milliseconds for 1,000 tokens: sentencizer" in measured
    assert measured in capsys.readouterr().out


def test_learnt_weights_are_compared_with_the_rules(
    benchmark: Any, corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = importlib.import_module("trained_sentences")
    monkeypatch.setattr(trained, "_MIN_COUNT", 1)
    (corpus / "train.txt").write_text("GUM_bio_lind\nGUM_bio_lind\n", encoding="utf-8")
    trained.main([str(corpus), "--folds", "2", "--l2", "0.1"])
    # The same document taught them.
    shown = capsys.readouterr().out
    assert "| dev | lines | weights | 100.0 | 100.0 | 100.0 |" in shown
    assert "| train | flat | rules | 100.0 | 50.0 | 66.7 |" in shown
