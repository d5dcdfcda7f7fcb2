"""A folder with a small file of each of SentEval's transfer tasks, in its layout; the sentences are made up here."""

import random
from pathlib import Path
from typing import Dict, List

WORDS = ["London", "Ada", "Oslo", "firm", "They", "joined", "hired", "Monday"]
SETS = {
    "STS12": ["MSRpar", "MSRvid", "SMTeuroparl", "surprise.OnWN", "surprise.SMTnews"],
    "STS13": ["FNWN", "headlines", "OnWN"],
    "STS14": ["deft-forum", "deft-news", "headlines", "images", "OnWN", "tweet-news"],
    "STS15": ["answers-forums", "answers-students", "belief", "headlines", "images"],
    "STS16": ["answer-answer", "headlines", "plagiarism", "postediting", "question-question"],
}


def write_senteval(folder: Path, size: int = 24) -> Path:
    """Writes all tasks, with so many examples in each file; a label shows in the words of its sentence."""
    draw = random.Random(3)

    def sentence(marker: str = "", length: int = 0) -> str:
        words = draw.choices(WORDS[2:], k=length or draw.randint(1, 6))
        return " ".join([*words, *([marker] if marker else [])])

    def write(name: str, lines: List[str], encoding: str = "utf-8") -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(("\n".join(lines) + "\n").encode(encoding))

    for name in ("MR/rt-polarity.pos", "CR/custrev.pos", "SUBJ/subj.objective", "MPQA/mpqa.pos"):
        write(name, [sentence("London é") for _ in range(size)], "latin-1")
    for name in ("MR/rt-polarity.neg", "CR/custrev.neg", "SUBJ/subj.subjective", "MPQA/mpqa.neg"):
        write(name, [sentence("Ada") for _ in range(size)], "latin-1")
    for split in ("train", "dev", "test"):
        lines = [f"{sentence(WORDS[number % 2])}\t{number % 2}" for number in range(size)]
        write(f"SST/binary/sentiment-{split}", lines)
        lines = [f"{number % 5} {sentence(WORDS[number % 5])}" for number in range(size)]
        write(f"SST/fine/sentiment-{split}", lines)
    labels = ["ABBR:exp", "DESC:manner", "ENTY:other", "HUM:ind", "LOC:city", "NUM:date"]
    for name in ("train_5500", "TREC_10"):
        lines = [f"{labels[number % 6]} {sentence(WORDS[number % 6])} ?" for number in range(size)]
        write(f"TREC/{name}.label", lines, "latin-1")

    def pair(is_alike: bool) -> List[str]:
        first = sentence("Ada")
        return [first, first if is_alike else sentence("London")]

    for split in ("train", "test"):
        lines = ["\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String"]
        lines += ["\t".join([str(number % 2), "1", "2", *pair(number % 2 == 1)]) for number in range(size)]
        write(f"MRPC/msr_paraphrase_{split}.txt", lines)
    judgments = ["CONTRADICTION", "NEUTRAL", "ENTAILMENT"]
    for split in ("train", "trial", "test_annotated"):
        lines = ["pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment"]
        for number in range(size):
            score = 4.2 if number % 3 == 2 else 1.6
            lines.append("\t".join([str(number), *pair(number % 3 == 2), str(score), judgments[number % 3]]))
        write(f"SICK/SICK_{split}.txt", lines)
    for split in ("train", "dev", "test"):
        lines = [
            "\t".join(["main-news", "MSRpar", "2012", str(number), score, *pair(float(score) > 3)])
            for number in range(size)
            for score in [("0.400", "4.750", "2.6")[number % 3]]
        ]
        write(f"STS/STSBenchmark/sts-{split}.csv", lines)
    scores: Dict[bool, str] = {True: "4.5", False: "1.25"}
    for year, names in SETS.items():
        for name in names:
            alike = [draw.random() < 0.5 for _ in range(size)]
            write(f"STS/{year}-en-test/STS.input.{name}.txt", ["\t".join(pair(each)) for each in alike])
            given = [scores[each] if number else "" for number, each in enumerate(alike)]
            write(f"STS/{year}-en-test/STS.gs.{name}.txt", given)
    return folder
