"""From documents to a configuration: the tasks that they have, the hierarchy of these, and how it is trained.

No torch is needed to write one.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from allennlp.common.params import evaluate_snippet

from hmtl.common.allennlp_internals import environment_variables
from hmtl.common.checks import did_you_mean
from hmtl.common.overrides import Overrides, merged
from hmtl.common.shipped import shipped_folder
from hmtl.corpora.training_data import DEV, SPLITS, TEST, TRAIN, TaskData, TrainingData, read_training_data
from hmtl.document import MENTION_LAYERS, Document
from hmtl.errors import UserError

# What tasks are called that are not called as their layer.
TASK_NAMES = {"relations": "relation", "clusters": "coref"}
# Layers of spans from the lowest up; others stand between, in the order in which they occur.
_LOWEST, _HIGHEST = ("pos", "chunks", "ner", "entities"), ("emd", "mentions")
# Below so many sentences in training, words are learned in small batches.
FEW_SENTENCES = 2000
# Instances in a batch of labels of documents that have more sentences than this, on average.
_LONG_DOCUMENTS, _FEW_SENTENCES_EACH = 4, 5
# Of additions to a configuration, until it is what overrides make of it.
_MAX_ROUNDS = 5
_LIBRARY = ("corpora", "embedders", "experiment", "levels")
# Words of jsonnet that are no names of fields, but in quotes.
_KEYWORDS = {"assert", "else", "error", "false", "for", "function", "if", "import", "importstr", "importbin", "in"}
_KEYWORDS |= {"local", "null", "tailstrict", "then", "self", "super", "true"}

Parts = Dict[str, List[Document]]


@dataclass
class Task:
    """A task of an experiment.

    # Attributes

    name : `str`
    kind : `str`
        `spans`, `relations`, `clusters` or `labels`.
    layer : `str`
        The layer of the documents that it learns.
    documents : `Dict[str, List[Document]]`
        Those that have the layer, by split.
    labels : `Counter`
        How often each label occurs in training; of clusters, and of numbers, under one label, how many there are.
    reads : `List[str]`
        The tasks whose levels its level reads.
    arguments : `Optional[str]`
        Of relations, the layer of spans that they join, where a task learns it from the same documents.
    unknown_labels : `List[str]`
        Labels that training data lack, and others have.
    folder : `Optional[Path]`
        Where its documents lie in the project's own layout.
    """

    name: str
    kind: str
    layer: str
    documents: Parts
    labels: Counter
    reads: List[str] = field(default_factory=list)
    arguments: Optional[str] = None
    unknown_labels: List[str] = field(default_factory=list)
    folder: Optional[Path] = None

    def describe(self) -> str:
        """What it learns, in a line."""
        total = sum(self.labels.values())
        if self.kind == "clusters":
            return f"{self.name}: {total:,} clusters"
        if self.kind == "labels" and label_values(self) == "number":
            return f"{self.name}: {total:,} numbers"
        shown = [label for label, _ in self.labels.most_common(6)]
        more = f" and {len(self.labels) - len(shown)} more" if len(self.labels) > len(shown) else ""
        return f"{self.name}: {total:,} {self.kind}, {', '.join(shown)}{more}"


class Recipe(NamedTuple):
    """How the tasks are learned.

    # Attributes

    encoder : `Optional[str]`
        A pretrained encoder, its name or folder; without one, words and characters are learned.
    frozen : `bool`
        Whether the encoder stays as it is.
    epochs, batch_size, lr, seed : `Optional[int]`, `Optional[float]`, `int`
        `None` is what the recipe has.
    levels : `Mapping[str, Any]`
        For some tasks, the tasks that their levels read, or keys of the levels.
    """

    encoder: Optional[str] = None
    frozen: bool = False
    epochs: Optional[int] = None
    batch_size: Optional[int] = None
    lr: Optional[float] = None
    seed: int = 13370
    levels: Mapping[str, Any] = {}


# Words and characters, learned as the corpus has them.
PLAIN = Recipe()


def find_tasks(data: Union[TrainingData, Mapping[str, TaskData]], wanted: Optional[Sequence[str]] = None) -> List[Task]:
    """The tasks that documents have, from the lowest level up: layers of spans, relations, clusters, labels.

    # Parameters

    data : `Union[TrainingData, Mapping[str, TaskData]]`
        Documents for all tasks, or what each task learns from.
    wanted : `Sequence[str]`, optional (default = `None`)
        The tasks, or the layers, to learn. By default all that the training data have something of.

    # Raises

    UserError
        Where there is nothing to learn, a wanted task is not there, or development data lack its layer.
    """
    if isinstance(data, TrainingData):
        tasks = _of_documents(data)
        if wanted is not None:
            tasks = _chosen(tasks, wanted, data)
        tasks = [_with_data(task) for task in tasks if task.labels or wanted is not None]
    else:
        # Sources that several tasks share are read once.
        read: Dict[int, TrainingData] = {}
        tasks = []
        for name, source in data.items():
            if id(source.source) not in read:
                read[id(source.source)] = read_training_data(source.source)
            whole = read[id(source.source)]
            tasks.append(_with_data(_task(name, source.kind, source.layer, whole)))
    if not tasks:
        layers = sorted({layer for document in _all(data) for layer in [*document.layers, *document.label_layers]})
        what = f"the layers {', '.join(layers)} are empty in training" if layers else "the documents have no layer"
        raise UserError(f"nothing to learn: {what}; expected labelled spans, relations, clusters or labels")
    return _stacked(tasks)


def placed(tasks: Sequence[Task], folder: Path) -> Dict[Path, List[Document]]:
    """Gives each task without a folder one, `folder` or one within it; tasks with the same documents share it.

    Returns the files to write there, in the project's own layout.
    """
    by_documents: Dict[Tuple[Any, ...], List[Task]] = {}
    for task in tasks:
        if task.folder is None:
            # Lists of the very same documents.
            key = tuple((split, tuple(map(id, documents))) for split, documents in task.documents.items())
            by_documents.setdefault(key, []).append(task)
    files = {}
    for sharing in by_documents.values():
        place = folder if len(by_documents) == 1 else folder / sharing[0].name
        files.update({place / f"{split}.jsonl": documents for split, documents in sharing[0].documents.items()})
        for task in sharing:
            task.folder = place
    return files


def configuration(tasks: Sequence[Task], recipe: Recipe, about: Sequence[str]) -> str:
    """The configuration of an experiment in jsonnet, which imports the shipped library. The tasks have their folders.

    # Parameters

    tasks : `Sequence[Task]`
    recipe : `Recipe`
    about : `Sequence[str]`
        The comment at its top, line by line.

    # Raises

    UserError
        Where `recipe.levels` names a task that there is not.
    """
    tasks = _with_levels(tasks, recipe.levels)
    spans = [task.name for task in tasks if task.kind == "spans"]
    changes = {name: level for name, level in recipe.levels.items() if isinstance(level, Mapping)}
    small = sum(len(document.sentences) for document in tasks[0].documents[TRAIN]) < FEW_SENTENCES
    tuned = recipe.encoder is not None and not recipe.frozen
    batch_size = recipe.batch_size or (16 if tuned else 8 if small else 32)
    lines = [f"// {line}" for line in about]
    library = [*_LIBRARY, *(["heads"] if any(task.kind == "labels" for task in tasks) else [])]
    lines += [f"local {name} = import 'lib/{name}.libsonnet';" for name in sorted(library)]
    source, data_lines = _data(tasks, spans, batch_size)
    lines += [*data_lines, ""]
    merged = f" + {{ {', '.join(f'{_key(name)}+: {_merged(level)}' for name, level in changes.items())} }}"
    lines += [
        "experiment.finetune(" if tuned else "experiment.new(",
        *_object("  tasks=", [f"{_key(task.name)}: {source(task)}{_reader_options(task)}" for task in tasks], ","),
        f"  embedding=embedders.combine([{_embedding(recipe)}]),",
        "  levels=levels.stacked(",
        f"    {_levels(tasks, spans)},",
        *_object("    ", [f"{_key(task.name)}: {_list(task.reads)}" for task in tasks], ",  // what each level reads"),
        f"  ){merged if changes else ''},",
    ]
    lines += _settings(recipe, tuned)
    lines.append(")")
    return "\n".join(lines) + "\n"


def with_overrides(text: str, overrides: Sequence[Overrides], path: Path) -> str:
    """A configuration in jsonnet that evaluates to what overrides make of it: what they change is added at its end.

    # Parameters

    text : `str`
        As `configuration` makes it.
    overrides : `Sequence[Overrides]`
        One after the other.
    path : `Path`
        Where it will stand, from which imports are looked for.

    # Raises

    UserError
        Where a key has no place in the configuration, or a value has none in jsonnet.
    """

    def evaluated() -> Dict[str, Any]:
        folders = [str(shipped_folder() / "configs")]
        return json.loads(evaluate_snippet(str(path), text, jpathdir=folders, ext_vars=environment_variables()))

    found = evaluated()
    wanted = merged(found, overrides)
    # Other keys may be computed from a changed one, and overrides leave them as they are: then there is more to add.
    for _ in range(_MAX_ROUNDS):
        if found == wanted:
            return text
        text = f"{text.rstrip()} + " + "\n".join(_object("", _changed(found, wanted), "")) + "\n"
        found = evaluated()
    refused = ", ".join(_changed(found, wanted))
    raise UserError(f"-o: a configuration in jsonnet cannot hold {refused}; its numbers are exact up to 2^53")


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> List[str]:
    """The fields in jsonnet that make one object of another, when they are added to it; what is removed is hidden."""
    fields = [f"{_key(key)}:: null" for key in before if key not in after]
    for key, value in after.items():
        if key in before and before[key] == value:
            continue
        there = before.get(key)
        if isinstance(there, dict) and isinstance(value, dict) and there.get("type") == value.get("type"):
            fields.append(f"{_key(key)}+: {{ {', '.join(_changed(there, value))} }}")
        else:
            fields.append(f"{_key(key)}: {json.dumps(value, ensure_ascii=False)}")
    return fields


def _all(data: Union[TrainingData, Mapping[str, TaskData]]) -> Iterable[Document]:
    return data.documents[TRAIN] if isinstance(data, TrainingData) else []


def _of_documents(data: TrainingData) -> List[Task]:
    """A task for each layer that any training document has."""
    layers = dict.fromkeys(layer for document in data.documents[TRAIN] for layer in document.layers)
    spans = [layer for layer in layers if layer not in TASK_NAMES]
    tasks = [_task(layer, "spans", layer, data) for layer in sorted(spans, key=_height)]
    tasks += [_task(TASK_NAMES[layer], layer, layer, data) for layer in TASK_NAMES if layer in layers]
    labels = dict.fromkeys(layer for document in data.documents[TRAIN] for layer in document.label_layers)
    # A task has one name.
    taken = {task.name for task in tasks}
    tasks += [_task(layer if layer not in taken else f"{layer}_label", "labels", layer, data) for layer in labels]
    return tasks


def _height(layer: str) -> int:
    if layer in _LOWEST:
        return _LOWEST.index(layer)
    return len(_LOWEST) + (1 + _HIGHEST.index(layer) if layer in _HIGHEST else 0)


def _task(name: str, kind: str, layer: str, data: TrainingData) -> Task:
    having = {
        split: [
            document
            for document in documents
            if layer in (document.label_layers if kind == "labels" else document.layers)
        ]
        for split, documents in data.documents.items()
    }
    is_whole = all(len(having[split]) == len(documents) for split, documents in data.documents.items())
    having = {split: documents for split, documents in having.items() if documents}
    return Task(
        name,
        kind,
        layer,
        having,
        _labels(having.get(TRAIN, []), kind, layer),
        folder=data.folder if is_whole else None,
    )


def _labels(documents: Iterable[Document], kind: str, layer: str) -> Counter:
    if kind == "spans":
        return Counter(span.label for document in documents for span in document.spans[layer])
    if kind == "relations":
        return Counter(relation.label for document in documents for relation in document.relations or [])
    if kind == "labels":
        return Counter(
            label if isinstance(label, str) else layer
            for document in documents
            for entry in document.label_values(layer)
            for label in (entry if isinstance(entry, list) else [entry])
            if label is not None
        )
    return Counter({layer: sum(len(document.clusters or []) for document in documents)}) + Counter()


def _chosen(tasks: Sequence[Task], wanted: Sequence[str], data: TrainingData) -> List[Task]:
    by_name = {name: task for task in tasks for name in (task.layer, task.name)}
    for name in wanted:
        if name not in by_name:
            known = ", ".join(task.name for task in tasks) or "none"
            advice = did_you_mean(name, by_name, f"it has: {known}")
            raise UserError(f"{data.name}: no documents for the task '{name}'; {advice}")
    chosen = {by_name[name].name for name in wanted}
    return [task for task in tasks if task.name in chosen]


def _with_data(task: Task) -> Task:
    """The task, whose data were checked."""
    for split in (TRAIN, DEV):
        if split not in task.documents:
            raise UserError(
                f"task '{task.name}': no document of the {split} data has the layer '{task.layer}'; annotate some, or "
                "train the other tasks by --tasks"
            )
    if not task.labels:
        raise UserError(f"task '{task.name}': the layer '{task.layer}' is empty in all training documents")
    others = [document for split in SPLITS[1:] for document in task.documents.get(split, [])]
    task.unknown_labels = sorted(_labels(others, task.kind, task.layer).keys() - task.labels.keys())
    return task


def _stacked(tasks: List[Task]) -> List[Task]:
    """The tasks in a hierarchy: each layer of spans reads the one below, relations the one that they join."""
    spans = [task for task in tasks if task.kind == "spans"]
    for lower, upper in zip(spans, spans[1:]):
        upper.reads = [lower.name]
    for task in tasks:
        if task.kind == "relations":
            layer = _arguments(task)
            joined = next((other for other in spans if other.layer == layer and _same_data(task, other)), None)
            if joined is not None:
                task.arguments, task.reads = layer, [joined.name]
            else:
                task.reads = [other.name for other in spans[-1:]]
        elif task.kind in ("clusters", "labels"):
            task.reads = [other.name for other in spans[-1:]]
    return [*spans, *(task for task in tasks if task.kind != "spans")]


def _same_data(task: Task, other: Task) -> bool:
    """Whether most training documents of a task are another's, too."""
    shared = set(map(id, task.documents[TRAIN])) & set(map(id, other.documents[TRAIN]))
    return 2 * len(shared) > len(task.documents[TRAIN])


def _arguments(task: Task) -> Optional[str]:
    """The layer of spans that most arguments of the relations are spans of; of two as good, the likelier one."""
    found: Counter = Counter()
    for document in task.documents[TRAIN]:
        arguments = [argument for relation in document.relations or [] for argument in relation[:2]]
        for layer, spans in document.spans.items():
            bounds = {span.bounds for span in spans}
            found[layer] += sum(argument in bounds for argument in arguments)
    likely = {layer: -number for number, layer in enumerate(reversed(MENTION_LAYERS))}
    best = max(found, key=lambda layer: (found[layer], layer in likely, -likely.get(layer, 0)), default=None)
    return best if best is not None and found[best] else None


def _with_levels(tasks: Sequence[Task], levels: Mapping[str, Any]) -> List[Task]:
    """The tasks with what their levels are to read."""
    names = [task.name for task in tasks]
    reads = {name: level for name, level in levels.items() if not isinstance(level, Mapping)}
    for name in [*levels, *(lower for level in reads.values() for lower in level)]:
        if name not in names:
            advice = did_you_mean(name, names, f"expected one of {', '.join(names)}")
            raise UserError(f"levels: there is no task '{name}'; {advice}")
    for task in tasks:
        task.reads = list(reads.get(task.name, task.reads))
    return list(tasks)


def _data(tasks: Sequence[Task], spans: Sequence[str], batch_size: int) -> Tuple[Any, List[str]]:
    """What stands for the data of a task, and the lines that define it."""

    def corpus(sharing: Sequence[Task]) -> str:
        layers = [task.layer for task in sharing if task.kind == "spans"]
        arguments = next((task.arguments for task in sharing if task.arguments is not None), None)
        options = [f"layers={_list(layers)}"]
        labels = [task.layer for task in sharing if task.kind == "labels"]
        if labels:
            options.append(f"labels={_list(labels)}")
        if arguments is not None and arguments != next(iter(MENTION_LAYERS)):
            options.append(f"mentions={_string(arguments)}")
        options.append(f"batch_size={batch_size}")
        return f"corpora.jsonl({_string(str(sharing[0].folder))}, {', '.join(options)})"

    folders = list(dict.fromkeys(str(task.folder) for task in tasks))
    name_of = {folder: "data" if len(folders) == 1 else f"data{number + 1}" for number, folder in enumerate(folders)}
    lines = [
        f"local {name} = {corpus([task for task in tasks if str(task.folder) == folder])};"
        for folder, name in name_of.items()
    ]

    def source(task: Task) -> str:
        key, name = TASK_NAMES.get(task.layer, task.layer), name_of[str(task.folder)]
        return f"{name}.{key}" if _key(key) == key else f"{name}[{_string(key)}]"

    return source, lines


def _object(before: str, fields: Sequence[str], behind: str) -> List[str]:
    """The lines of an object, one where they fit."""
    line = f"{before}{{ {', '.join(fields)} }}{behind}"
    indent = " " * (len(before) - len(before.lstrip()))
    many = [f"{before}{{", *(f"{indent}  {each}," for each in fields), f"{indent}}}{behind}"]
    return [line] if len(line) <= 120 else many


def _reader_options(task: Task) -> str:
    reader = ["allow_unknown_labels: true"] * bool(task.unknown_labels)
    # The vocabulary has labels by the name of the task.
    if task.kind == "labels" and task.name != task.layer:
        reader.append(f"label_namespace: {_string(f'{task.name}_labels')}")
    options = [f"reader+: {{ {', '.join(reader)} }}"] * bool(reader)
    options += [f"batch_size: {_LONG_DOCUMENTS}"] * _has_long_documents(task)
    options += ["test: null"] * (TEST not in task.documents)
    return f" {{ {', '.join(options)} }}" if options else ""


def label_values(task: Task) -> str:
    """What each row of a task of labels has, `label`, `labels` or `number`, by its training documents."""
    entries = [entry for document in task.documents[TRAIN] for entry in document.label_values(task.layer)]
    if any(isinstance(entry, (int, float)) for entry in entries):
        return "number"
    return "labels" if any(isinstance(entry, list) for entry in entries) else "label"


def _has_long_documents(task: Task) -> bool:
    """Whether a task of labels has documents of several sentences, other than pairs."""
    if task.kind != "labels":
        return False
    documents = task.documents[TRAIN]
    is_of_documents = any(document.label_layers[task.layer] == "document" for document in documents)
    num_sentences = sum(len(document.sentences) for document in documents)
    return is_of_documents and num_sentences > _FEW_SENTENCES_EACH * len(documents)


def _label_level(task: Task) -> str:
    """The level of a task of labels."""
    documents = task.documents[TRAIN]
    values = label_values(task)
    options = [] if values == "label" else [f"values='{values}'"]
    if all(document.second_text is not None for document in documents):
        return f"{_key(task.name)}: levels.pairs([], heads.pairs({', '.join(options)}))"
    if documents[0].label_layers[task.layer] == "document":
        options += ["scope='document'", "encoder_scope='sentence'"]
    return f"{_key(task.name)}: levels.labels([], heads.labels({', '.join(options)}))"


def _embedding(recipe: Recipe) -> str:
    words = ["embedders.words()", "embedders.characters()"]
    if recipe.encoder is None:
        return ", ".join(words)
    if recipe.frozen:
        return ", ".join([*words, f"embedders.transformer({_string(recipe.encoder)}, cache_gib=1.0)"])
    return ", ".join([*words, f"embedders.transformer({_string(recipe.encoder)}, train=true)"])


def _levels(tasks: Sequence[Task], spans: Sequence[str]) -> str:
    relations = [task for task in tasks if task.kind == "relations"]
    # Whole spans are related where their own level finds them, else tokens.
    by_token = [task for task in relations if task.arguments is None]
    constrained = [] if len(by_token) == len(relations) else ["type_constraints='learned'"]
    levels = f"levels.spans({', '.join([f'layers={_list(spans)}', *constrained])})"
    if by_token:
        levels += f" + {{ {', '.join(f'{_key(task.name)}: levels.relation([])' for task in by_token)} }}"
    labels = [_label_level(task) for task in tasks if task.kind == "labels"]
    if labels:
        levels += f" + {{ {', '.join(labels)} }}"
    return levels


def _settings(recipe: Recipe, tuned: bool) -> List[str]:
    lines = ["  min_count={ tokens: 2 },", "  initializer=embedders.learned_words_initializer,"]
    if tuned:
        # That of what starts from nothing, the levels above the encoder.
        lines.append("  lr=0.003,")
        if recipe.lr is not None:
            lines.append(f"  encoder_lr={recipe.lr},")
    else:
        lines.append(f"  optimizer={{ type: 'adam', lr: {0.003 if recipe.lr is None else recipe.lr} }},")
    lines.append(f"  num_epochs={recipe.epochs or (10 if tuned else 20)},")
    if recipe.seed != PLAIN.seed:
        lines.append(f"  seed={recipe.seed},")
    return lines


def _list(names: Iterable[str]) -> str:
    return f"[{', '.join(map(_string, names))}]"


def _string(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return quoted if "'" in text or "\\" in quoted else f"'{text}'"


def _key(name: str) -> str:
    return name if name.isidentifier() and name.isascii() and name not in _KEYWORDS else _string(name)


def _merged(level: Mapping[str, Any]) -> str:
    """An object whose own objects are merged into those that are there."""
    parts = [
        f"{_key(key)}+: {_merged(value)}" if isinstance(value, Mapping) else f"{_key(key)}: {json.dumps(value)}"
        for key, value in level.items()
    ]
    return f"{{ {', '.join(parts)} }}"
