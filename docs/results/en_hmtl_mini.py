"""Writes docs/results/en_hmtl_mini.md: the scores of the model in the box beside others, and what it says of sentences.

    python docs/results/en_hmtl_mini.py --beside "heads of the paper, frozen encoder=runs/paper/evaluation.json"

The twenty sentences are our own, were written before the model read any of them, and are shown as it annotates them,
whatever it says. The scores go into docs/results/tables/en_hmtl_mini.csv, too.
"""

import argparse
import json
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import hmtl
from hmtl.common.figures import STRICT
from hmtl.common.files import write_csv
from hmtl.common.model_names import DEFAULT_MODEL
from hmtl.common.tables import markdown
from hmtl.experiments.trained_run import TrainedRun
from hmtl.page.labels import name_of
from hmtl.runs.run_directory import best_stem

PAGE = Path(__file__).with_suffix(".md")
# The folder beside the page, and the file in it, that the page's scores are drawn from.
TABLES, TABLE = "tables", "en_hmtl_mini.csv"

SENTENCES: List[Tuple[str, List[str]]] = [
    (
        "News",
        [
            "The city council of Rotterdam voted on Tuesday to close the harbour bridge until the spring.",
            "Norwegian police arrested two men who had tried to sell a stolen painting to a museum in Bergen.",
            "Siemens will build forty trains for the Indian railways at its factory in Gujarat.",
            "“We did not expect so many people,” said Amina Diallo, who runs the clinic in Dakar with her sister.",
            "The strike at Lufthansa ended after eleven days, and the airline promised that its pilots would be paid "
            "more.",
        ],
    ),
    (
        "Biography",
        [
            "Clara Schumann was born in Leipzig in 1819, and her father taught her to play the piano.",
            "Srinivasa Ramanujan left Madras for Cambridge, where he worked with G. H. Hardy at Trinity College.",
            "Frida Kahlo married Diego Rivera in 1929, divorced him ten years later, and married him again in San "
            "Francisco.",
            "Chinua Achebe, a Nigerian novelist, wrote Things Fall Apart, which was published in London by Heinemann.",
            "Alan Turing studied mathematics at King's College and later received his doctorate from Princeton "
            "University.",
        ],
    ),
    (
        "Travel",
        [
            "Take the night train from Vienna to Venice and walk from the station to the Grand Canal.",
            "The old town of Tallinn lies on a hill above the Baltic Sea, and its walls are open to visitors all year.",
            "Most buses to Machu Picchu leave from Aguas Calientes, a village on the Urubamba River in Peru.",
            "Bring warm clothes: the nights in the Atacama Desert are cold, even when its days are hot.",
            "The market in Marrakech sells spices, carpets and lamps, but nobody pays the first price that he is told.",
        ],
    ),
    (
        "Speech",
        [
            "My grandmother came to this country with one suitcase, and she never complained about it.",
            "I want to thank the nurses of Ward Seven, because they stayed when everybody else went home.",
            "So I told him, look, if you sell the house now, you will regret it next year.",
            "Mr. President, members of Congress, the people of Puerto Rico have waited long enough for their schools.",
            "Well, Tom works for the BBC now, and his wife teaches chemistry at a school in Leeds.",
        ],
    ),
]


def shown(kind: str, rows: List[Any]) -> str:
    """What a task has found, on one line."""
    if kind == "clusters":
        return "; ".join(" = ".join(row["text"] for row in cluster) for cluster in rows)
    if kind == "relations":
        return "; ".join(f"{row['arg1']['text']} – *{name_of(row['label'])}* – {row['arg2']['text']}" for row in rows)
    return "; ".join(f"{row['text']} (*{name_of(row['label'])}*)" for row in rows)


def sentences(run: TrainedRun) -> Iterator[str]:
    number = 0
    for genre, texts in SENTENCES:
        yield f"\n### {genre}"
        for text, output in zip(texts, run.predict_many(texts)):
            number += 1
            yield f"\n{number}. {text}\n"
            for task, kind in run.predictor.layers.items():
                yield f"   - {task}: {shown(kind, output[task]) or 'nothing'}"


def scores(package: Path, beside: Dict[str, Path]) -> List[Dict[str, Any]]:
    """A row for each task: the F1 of baselines, of each run beside by the task's best weights, and of the model."""
    evaluation = _evaluation(package / "evaluation.json")
    name = json.loads((package / "package.json").read_text(encoding="utf-8"))["name"]
    own = evaluation["scores"][name]
    others = {name: _evaluation(path)["scores"] for name, path in beside.items()}
    rows = []
    for task in evaluation["tasks"]:
        gold = evaluation["findable"].get(task, {})
        row = {"task": task, "test data": evaluation["data_path"][task]}
        row.update({"gold": gold.get("gold"), "of": gold.get("items")})
        row["baseline"] = _f1(evaluation["baselines"].get(task))
        for other, of_weights in others.items():
            row[f"{other}, the best weights of each task"] = _f1(of_weights.get(best_stem(task), {}).get(task))
        row[f"{name}, all tasks by one weights file"] = _f1(own[task])
        rows.append(row)
    return rows


def _evaluation(path: Path) -> Dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def _f1(of_task: Optional[Dict[str, Any]]) -> str:
    """Nothing for a task that is not scored."""
    return f"{100 * of_task['metrics'][STRICT]:.2f}" if of_task else ""


def table_lines(rows: List[Dict[str, Any]]) -> Iterator[str]:
    """The table as `make results` draws it from its CSV file."""
    cells = (["" if value is None else str(value) for value in row.values()] for row in rows)
    yield from (f"<!-- results: {TABLES} table {TABLE} -->", "")
    yield from markdown(list(rows[0]), cells)
    yield from ("", "<!-- end of results -->")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL, help="(default: %(default)s)")
    parser.add_argument(
        "--beside", action="append", default=[], metavar="NAME=FILE", help="an evaluation.json of a run"
    )
    parser.add_argument("--output", type=Path, default=PAGE, help="(default: %(default)s)")
    arguments = parser.parse_args()
    run = hmtl.load(arguments.model)
    beside = {name: Path(path) for name, _, path in (each.partition("=") for each in arguments.beside)}
    rows = scores(run.path, beside)
    table = arguments.output.parent / TABLES / TABLE
    table.parent.mkdir(exist_ok=True)
    write_csv(table, list(rows[0]), rows)
    lines = [
        f"# What {DEFAULT_MODEL} reads",
        "",
        "Written by `python docs/results/en_hmtl_mini.py`, unedited. [Models by name](../using/package.md) says what",
        "the model is.",
        "",
        "## Scores",
        "",
        "Test F1 times 100 over all gold; relations with both spans and the type right, coreference the average of",
        "MUC, B-cubed and CEAF-phi4. Baselines are fitted to the same training data.",
        "",
        *table_lines(rows),
        "",
        "## Twenty sentences",
        "",
        "Our own, written before the model read any of them. `ner` and `emd` have GUM's types, `entities`",
        "Re-DocRED's, which `relation` relates.",
        *sentences(run),
    ]
    arguments.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
