"""The files of the probing tasks: SentEval's, `counts.json` and a README."""

from pathlib import Path
from typing import Any, Dict, Iterator, List

from hmtl.common.files import atomic_write, write_json
from hmtl.corpora.treebank import SPLITS
from research.probing_data.task_builder import Made

# So many classes are counted in a row of their own in the README; counts.json has all.
_MAX_ROWS = 20


def write_tasks(directory: Path, made: List[Made], origin: Dict[str, Any]) -> None:
    """Writes a file of lines `split<TAB>class<TAB>sentence` for each task, `counts.json` and `README.md`, each whole.

    Files of tasks that were left out are removed, if a former run has left any.

    # Parameters

    origin : `Dict[str, Any]`
        What the tasks were made of: JSON.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for one in made:
        path = directory / one.task.file_name
        if one.left_out:
            path.unlink(missing_ok=True)
            continue
        with atomic_write(path) as file:
            for split in SPLITS:
                file.writelines(f"{split}\t{e.label}\t{' '.join(e.words)}\n" for e in one.examples.by_split[split])
    write_json(directory / "counts.json", {**origin, "tasks": {one.task.file_name: _to_json(one) for one in made}})
    with atomic_write(directory / "README.md") as file:
        file.write("\n".join(_readme(made, origin)) + "\n")


def _to_json(one: Made) -> Dict[str, Any]:
    left_out = {"left_out": one.left_out} if one.left_out else {}
    return {"task": one.task.title, "counts": one.counts(), "notes": one.examples.notes, **left_out}


def _readme(made: List[Made], origin: Dict[str, Any]) -> Iterator[str]:
    yield "# Probing tasks"
    yield ""
    yield 'Made from a treebank by the definitions of Conneau et al. (2018), "What you can cram into a single vector",'
    yield "section 2, and of SentEval's data. A line is `split<TAB>class<TAB>sentence`, with the treebank's tokens."
    yield ""
    sentences, documents = origin["sentences"], origin["documents"]
    yield "| | " + " | ".join(SPLITS) + " |"
    yield "|---|" + "---:|" * len(SPLITS)
    yield "| documents | " + " | ".join(str(documents[split]) for split in SPLITS) + " |"
    yield "| sentences used | " + " | ".join(str(sentences[split]) for split in SPLITS) + " |"
    yield ""
    yield f"Splits: {origin['splits']}. Seed: {origin['seed']}."
    yield "Sentences left out: " + (", ".join(f"{n} {why}" for why, n in origin["dropped"].items()) or "none") + "."
    yield ""
    yield "| task | file | classes | " + " | ".join(SPLITS) + " | chance | ± |"
    yield "|---|---|---:|" + "---:|" * (len(SPLITS) + 2)
    for one in made:
        sizes = " | ".join(str(len(one.examples.by_split[split])) for split in SPLITS)
        yield f"| {one.task.title} | {one.task.file_name} | {len(one.examples.labels)} | {sizes} | {_chance(one)} |"
    yield ""
    yield "Chance is the share of the largest class of the test split in percent; ± is the standard error of such an"
    yield "accuracy. Differences of that size say nothing."
    for one in made:
        yield ""
        yield from _section(one)


def _chance(one: Made) -> str:
    counts = one.counts()["te"]
    total = sum(counts.values())
    if not total:
        return "| "
    share = max(counts.values()) / total
    return f"{100 * share:.1f} | {100 * (share * (1 - share) / total) ** 0.5:.1f}"


def _section(one: Made) -> Iterator[str]:
    yield f"## {one.task.title}"
    yield ""
    if one.left_out:
        yield f"Left out: {one.left_out}."
        yield ""
    yield one.task.rule
    yield from (f"- {note}" if i else f"\n- {note}" for i, note in enumerate(one.examples.notes))
    labels, counts = one.examples.labels, one.counts()
    if not labels:
        return
    yield ""
    if len(labels) > _MAX_ROWS:
        per_class = ", ".join(f"{min(counts[s].values())} to {max(counts[s].values())} {s}" for s in SPLITS)
        yield f"{len(labels)} classes of {per_class} each."
        return
    yield "| class | " + " | ".join(SPLITS) + " |"
    yield "|---|" + "---:|" * len(SPLITS)
    for label in sorted(labels, key=lambda label: (len(label), label) if label.isdecimal() else (0, label)):
        yield f"| {label} | " + " | ".join(str(counts[split].get(label, 0)) for split in SPLITS) + " |"
