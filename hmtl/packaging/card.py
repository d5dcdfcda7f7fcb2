"""The model card of a package, in the form of the Hugging Face hub: YAML for programs, and sections to read."""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional

import yaml

from hmtl.common.figures import STRICT, figures_of, foremost
from hmtl.common.tables import markdown
from hmtl.errors import UserError
from hmtl.evaluation.evaluate import Evaluation
from hmtl.models.hmtl import HMTL
from hmtl.page.labels import name_of
from hmtl.runs.run_directory import RunDirectory
from hmtl.runs.summaries import summarize

# What the evaluation of a package calls the weights as they were trained.
AS_TRAINED = "32 bits"
_MANY_LABELS = 12
_UNKNOWN_LICENCE = "other"


class CorpusNote(NamedTuple):
    """What a card says of a corpus: its name and source, and the licences of its annotations and of its texts."""

    name: str
    annotations: str
    texts: str


# By the format of the reader, where only one corpus has it; of others the notes of a card have to tell.
_CORPORA = {
    "ace05": CorpusNote("ACE 2005 (LDC2006T06)", "the LDC's", "the LDC's"),
    "gum": CorpusNote(
        "[GUM](https://gucorpling.org/gum/) (Zeldes 2017)",
        "CC BY 4.0",
        "by genre CC BY, CC BY-SA or CC BY-NC-SA, as its LICENSE.txt says",
    ),
    "ontonotes": CorpusNote("OntoNotes 5.0 (LDC2013T19)", "the LDC's", "the LDC's"),
    "redocred": CorpusNote(
        "[Re-DocRED](https://github.com/tonytan48/Re-DocRED) (Tan et al. 2022)", "MIT", "Wikipedia: CC BY-SA"
    ),
    "streusle": CorpusNote("[STREUSLE](https://github.com/nert-nlp/streusle)", "CC BY-SA 4.0", "CC BY-SA 4.0"),
}

_USE = """\
```
pip install {name}-{version}-py3-none-any.whl
hmtl predict {name} "Ada Lovelace lived in London."
hmtl annotate {name} article.txt --html article.html
hmtl serve {name}
hmtl evaluate {name} --data DIR
```

```python
import hmtl

print(hmtl.load("{name}").predict("Ada Lovelace lived in London."))
```

```python
import spacy

nlp = spacy.blank("en")
nlp.add_pipe("hmtl", config={{"model": "{name}"}})
print(nlp("Ada Lovelace lived in London.").ents)
```

It is data alone: nothing of it runs, nothing is downloaded, no environment variable is needed. For *DIR* see Scores."""

_INTENDED = """\
Finding what the table above lists in running text of the kinds that it was trained on, for search, statistics, research
and as a start for annotation that people correct."""

_LIMITS = """\
It knows the labels above and no others, and texts like those it was trained on; elsewhere it does worse than the scores
say. Scores of the predictions are probabilities of single findings, not of a text as a whole. It is not made to decide
about people: what it finds about them may be wrong, and wrong more often for names, places and ways of writing that are
rare in its corpora. Check what matters."""


@dataclass
class Card:
    """What the run cannot tell of its model.

    # Parameters

    description : `str`, optional
        A sentence.
    license : `str`, optional (default = `"other"`)
        That of the weights, as the hub calls it, such as `cc-by-sa-4.0`.
    language : `str`, optional (default = `"en"`)
    base_model : `str`, optional
        The encoder's name on the hub; by default what the configuration calls it.
    command : `str`, optional
        The command that makes the model; by default the one that the run was begun by.
    notes : `str`, optional
        Sections in Markdown, each from its line `## Title` on; one of the card's own titles takes its place.

    # Attributes

    sections : `Dict[str, str]`
        Those of the notes, by their titles.

    # Raises

    UserError
        Where the notes begin with no title.
    """

    description: str = "Named entities, mentions, relations and coreference in one pass."
    license: str = _UNKNOWN_LICENCE
    language: str = "en"
    base_model: Optional[str] = None
    command: Optional[str] = None
    notes: str = ""

    def __post_init__(self) -> None:
        self.sections = _sections(self.notes)

    def record(self, model: HMTL, evaluation: Optional[Evaluation]) -> Dict[str, Any]:
        """What `package.json` says beside the name: of each task, its kind, its labels, what it reads and its score."""
        tasks = {
            task: {
                "predicts": model.head(task).predicts,
                "reads": model.read_levels[task],
                "labels": sorted(model.head(task).labels or []),
                **({} if evaluation is None else _score_record(evaluation, task)),
            }
            for task in model.tasks
        }
        about = {"description": self.description, "license": self.license, "language": self.language}
        return {**about, "tasks": tasks}

    def text(
        self,
        record: Mapping[str, Any],
        directory: RunDirectory,
        config: Mapping[str, Any],
        model: HMTL,
        evaluation: Optional[Evaluation],
        num_bytes: int,
    ) -> str:
        """The card of a package: `record` is what its `package.json` says, `config` its configuration."""
        name, num_parameters = record["name"], sum(parameter.numel() for parameter in model.parameters())
        about = (
            f"{self.description} Version {record['version']}, {num_parameters / 1e6:.1f} million weights in "
            f"{record['bits']} bits, {num_bytes / 1e6:.1f} MB, made with hmtl {record['hmtl']}."
        )
        sections = {
            "Use": _USE.format(**record),
            "What it finds": "\n".join(_levels(model)),
            "Data and licences": "\n".join(_data(config)),
            "Scores": "\n".join([*_scores(evaluation, record["bits"]), *_calibration(model)]),
            "Training": "\n".join(self._training(directory, config)),
            "Intended use": _INTENDED,
            "Limits": "\n".join([_LIMITS, *_findable(evaluation)]),
            "Licence of the weights": self.license if self.license != _UNKNOWN_LICENCE else "Not stated.",
        }
        sections.update(self.sections)
        front = yaml.safe_dump(self._front_matter(name, config, evaluation), sort_keys=False, allow_unicode=True)
        body = "\n\n".join(f"## {title}\n\n{text.strip()}" for title, text in sections.items())
        return f"---\n{front}---\n\n# {name}\n\n{about}\n\n{body}\n"

    def _front_matter(self, name: str, config: Mapping[str, Any], evaluation: Optional[Evaluation]) -> Dict[str, Any]:
        front: Dict[str, Any] = {
            "language": self.language,
            "license": self.license,
            "library_name": "hmtl",
            "pipeline_tag": "token-classification",
            "tags": ["hmtl", "named-entity-recognition", "relation-extraction", "coreference-resolution"],
            "datasets": sorted({corpus for corpus in _corpora(config).values() if corpus in _CORPORA}),
        }
        if self.base_model is not None:
            front["base_model"] = self.base_model
        if evaluation is not None:
            front["model-index"] = [{"name": name, "results": list(_results(config, evaluation))}]
        return front

    def _training(self, directory: RunDirectory, config: Mapping[str, Any]) -> Iterator[str]:
        yield f"```\n{self.command or _command(directory)}\n```\n"
        summary = summarize(directory.path)
        if self.base_model is not None:
            yield f"The encoder is {self.base_model}."
        if summary.epochs:
            yield f"{summary.epochs} epochs in {summary.seconds / 60:.0f} minutes, validation included."
        yield from _hardware(directory.path / "experiment.json")
        yield "The configuration, key by key, is `config.json`."


def _levels(model: HMTL) -> Iterator[str]:
    """A table of the levels, from the lowest up."""
    rows = []
    for task in model.tasks:
        head = model.head(task)
        labels = sorted(head.labels or [])
        shown = ", ".join(labels) if len(labels) <= _MANY_LABELS else f"{len(labels)} labels, in `package.json`"
        reads = [*model.reads[task], *(f"the labels of {lower}" for lower in model.reads_label_embeddings[task])]
        if model.reads_embedding[task]:
            reads = ["the embedding", *reads] if reads else ["the embedding alone"]
        rows.append([task, head.kind.plural, shown or "-", ", ".join(reads)])
    yield "The levels, from the lowest up.\n"
    yield from markdown(["task", "finds", "labels", "reads"], rows)


def _corpora(config: Mapping[str, Any]) -> Dict[str, str]:
    """The name of each task's corpus, or of its format."""
    found = {}
    for task, reader in config["dataset_reader"].get("readers", {}).items():
        corpus = reader.get("corpus", "jsonl")
        found[task] = str(corpus.get("type", "jsonl") if isinstance(corpus, dict) else corpus)
    return found


def _data(config: Mapping[str, Any]) -> Iterator[str]:
    corpora = _corpora(config)
    rows = []
    for corpus in dict.fromkeys(corpora.values()):
        tasks = [task for task in corpora if corpora[task] == corpus]
        note = _CORPORA.get(corpus, CorpusNote(f"documents in the format `{corpus}`", "not known", "not known"))
        rows.append([", ".join(tasks), note.name, _paths(config, tasks), note.annotations, note.texts])
    yield from markdown(["tasks", "corpus", "training data", "annotations", "texts"], rows)


def _paths(config: Mapping[str, Any], tasks: List[str]) -> str:
    paths = config.get("train_data_path") or {}
    found = [paths] if isinstance(paths, str) else [paths[task] for task in tasks if task in paths]
    return ", ".join(f"`{path}`" for path in dict.fromkeys(found))


def _score_record(evaluation: Evaluation, task: str) -> Dict[str, Any]:
    if task not in evaluation.tasks:
        return {}
    metrics = next(iter(evaluation.scores.values()))[task].metrics
    kept = {name: metrics[name] for name in ("precision", "recall", *evaluation.kinds[task].figures) if name in metrics}
    record: Dict[str, Any] = {"data": evaluation.data_path[task], "scores": kept}
    score = foremost(metrics, evaluation.kinds[task].figures, evaluation.split)
    if score is not None:
        record["score"] = score
    if task in evaluation.findable:
        record["gold"] = evaluation.findable[task].gold
    if task in evaluation.baselines:
        record["baseline"] = figures_of(evaluation.baselines[task].metrics, evaluation.kinds[task].figures)
    return record


def _results(config: Mapping[str, Any], evaluation: Evaluation) -> Iterator[Dict[str, Any]]:
    """The scores as the hub has them."""
    corpora = _corpora(config)
    by_task = next(iter(evaluation.scores.values()))
    for task in evaluation.tasks:
        found = figures_of(by_task[task].metrics, evaluation.kinds[task].figures)
        dataset = {"type": corpora.get(task, "jsonl"), "name": evaluation.data_path[task], "split": evaluation.split}
        yield {
            "task": {"type": "token-classification", "name": task},
            "dataset": dataset,
            "metrics": [{"type": "f1", "name": name, "value": round(value, 4)} for name, value in found.items()],
        }


def _scores(evaluation: Optional[Evaluation], bits: int) -> Iterator[str]:
    if evaluation is None:
        yield "Not measured."
        return
    weights, by_task = next(iter(evaluation.scores.items()))
    as_trained = evaluation.scores.get(AS_TRAINED)
    yield f"On {evaluation.split} data, times 100, over all gold: what the model cannot express counts as missed.\n"
    titles = ["task", "data", "gold", "score", "precision", "recall", "F1", "baseline"]
    rows = []
    for task in evaluation.tasks:
        kind, metrics = evaluation.kinds[task], by_task[task].metrics
        found = evaluation.findable.get(task)
        gold = "-" if found is None else f"{found.gold:,} {found.items}"
        baseline = evaluation.baselines[task].metrics if task in evaluation.baselines else {}
        figures = figures_of(metrics, kind.figures)
        for number, (name, value) in enumerate(figures.items()):
            sides = [metrics.get(name.replace("f1", side)) for side in ("precision", "recall")]
            title = kind.figures[name] if name != STRICT else "strict" if len(figures) > 1 else "all of it right"
            row = [task, f"`{evaluation.data_path[task]}`", gold] if not number else ["", "", ""]
            row += [title, *map(_percent, sides), _percent(value), _percent(baseline.get(name))]
            if as_trained is not None:
                row.append(_percent(as_trained[task].metrics[name]))
            rows.append(row)
    yield from markdown([*titles, *(["F1 in 32 bits"] if as_trained is not None else [])], rows)
    yield ""
    if as_trained is not None:
        losses = [
            100 * (as_trained[task].metrics[name] - by_task[task].metrics[name])
            for task in evaluation.tasks
            for name in list(figures_of(by_task[task].metrics, evaluation.kinds[task].figures))[:1]
        ]
        yield (
            f"Stored in {bits} bits and computed in 32, the weights lose {max(losses):.2f} points of F1 at most, "
            f"{sum(losses) / len(losses):.2f} on average, of what they had as they were trained.\n"
        )
    for task in evaluation.tasks:
        metrics_of = {weights: by_task[task].metrics}
        shown = {
            name: evaluation.kinds[task].figures[name]
            for name in figures_of(by_task[task].metrics, evaluation.kinds[task].figures)
        }
        yield from (f"- {note}" for note in evaluation.kinds[task].notes(task, shown, metrics_of, [weights]))
    yield from (f"- baseline of {task}: {each.description}" for task, each in evaluation.baselines.items())
    yield (
        f"\nThe same by `hmtl evaluate {weights} --data DIR`, where *DIR* holds the data above; all metrics are in "
        "`evaluation.json`.\n"
    )
    for task in evaluation.tasks:
        yield from _by_label(task, by_task[task].by_label)


def _calibration(model: HMTL) -> Iterator[str]:
    if model.calibration:
        yield "\nThresholds and temperatures, chosen on validation data:\n"
        rows = [
            [task, "-" if each.threshold is None else f"{each.threshold:.2f}", f"{each.temperature:.2f}"]
            for task, each in model.calibration.items()
        ]
        yield from markdown(["task", "threshold", "temperature"], rows)


def _by_label(task: str, by_label: Optional[Mapping[str, Mapping[str, float]]]) -> Iterator[str]:
    if not by_label:
        return
    yield f"\n<details><summary>{task}, by label</summary>\n"
    rows = [
        [_named(label), *(_percent(each[key]) for key in ("precision", "recall", "f1")), f"{each['support']:.0f}"]
        for label, each in sorted(by_label.items(), key=lambda item: (-item[1]["support"], item[0]))
    ]
    yield from markdown(["label", "precision", "recall", "F1", "gold"], rows)
    yield "\n</details>"


def _named(label: str) -> str:
    name = name_of(label)
    return label if name == label else f"{label} ({name})"


def _findable(evaluation: Optional[Evaluation]) -> Iterator[str]:
    if evaluation is not None and evaluation.findable:
        yield "\nWhat it can find at all, of the gold above:\n"
        yield from (f"- {task}: {found}" for task, found in evaluation.findable.items())


def _command(directory: RunDirectory) -> str:
    """The command that began a run, with names in the place of this machine's paths."""
    try:
        arguments = json.loads(directory.command.read_text(encoding="utf-8"))["arguments"]
    except (OSError, ValueError, KeyError, TypeError):
        return "hmtl train CONFIGURATION -s RUN"
    shown = [
        str(Path("runs") / Path(word).name)
        if previous in ("-s", "--serialization-dir")
        else Path(word).name
        if word.startswith("/")
        else word
        for previous, word in zip(["", *arguments], map(str, arguments))
        if word not in ("--force", "--recover", "--file-friendly-logging")
    ]
    return shlex.join(["hmtl", *shown])


def _hardware(path: Path) -> Iterator[str]:
    """What a study's record tells of the machine."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        machine, parts = record["machine"], record["parts"]
        minutes = sum(part["cpu_seconds"] for part in parts) / 60
        versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
        gpu = f", {machine['gpu']}" if machine.get("gpu") else ", no GPU"
        yield (
            f"{minutes:.0f} CPU minutes, evaluation included, with {machine['threads']} thread on "
            f"{machine['processor']} ({machine['cores']} cores){gpu}; {versions}."
        )
    except (OSError, ValueError, KeyError, TypeError):
        return


def _sections(notes: str) -> Dict[str, str]:
    parts = re.split(r"^## +(.+?)\s*$", notes, flags=re.MULTILINE)
    if parts[0].strip():
        raise UserError("the notes begin with no title; expected sections in Markdown, each after a line '## Title'")
    return dict(zip(parts[1::2], parts[2::2]))


def _percent(value: Optional[float]) -> str:
    return "-" if value is None else f"{100 * value:.2f}"
