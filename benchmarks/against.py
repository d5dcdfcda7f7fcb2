#!/usr/bin/env python
"""Measures hmtl beside what a user would otherwise run, in one process, so that ratios carry over to other machines.

    python benchmarks/against.py --corpus DIR [--quick] [--output FILE]
    python benchmarks/against.py --from FILE

DIR is the corpus of run.py. The models are the paper's levels of NER and of coreference, each alone: an embedding of
words and a character CNN, a bidirectional LSTM, a CRF or the scorers of mentions and pairs. Beside them stand

- AllenNLP's own models of the same sizes and weights (`CrfTagger`, `CoreferenceResolver`; allennlp-models, which
  `make develop` installs), its `GradientDescentTrainer` with its Adam, and its `Predictor`,
- our model in AllenNLP's trainer, for the trainer's share,
- the floor: bare torch for the kernels alone (see floor.py),
- for prediction, the NER component of spaCy as a blank pipeline has it. That is another model (a CNN over hashed words,
  and greedy transitions) and untrained, as its cost hardly hangs on its weights.

All get the same batches, which lie ready, and the same texts. They take turns, ABBA, and every ratio is the median of
those of the rounds, with the lowest and the highest. Costs are CPU seconds of the process on one thread.
"""

import argparse
import gc
import json
import os
import sys
import tempfile
from copy import deepcopy
from pathlib import Path
from statistics import median
from typing import Any, Dict, List, NamedTuple, Tuple

# Before torch is imported.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TQDM_DISABLE"] = "1"

import hmtl  # noqa: E402, F401  (first: it silences warnings that AllenNLP's imports would print)

# isort: split
import allennlp_alone  # noqa: E402
import floor  # noqa: E402
import phases  # noqa: E402
import torch  # noqa: E402
from allennlp.data import DatasetReader, Vocabulary  # noqa: E402
from allennlp.models import Model  # noqa: E402
from allennlp.predictors import Predictor  # noqa: E402
from calibration import Work, take_turns  # noqa: E402
from machine import Share, in_company, in_words, machine  # noqa: E402

from hmtl.models import HMTL  # noqa: E402
from hmtl.modules import PaddedLstmEncoder  # noqa: E402
from hmtl.predictors import HMTLPredictor  # noqa: E402

CONFIGURATION = Path(__file__).with_name("alone.jsonnet")
TASKS = {"ner": "NER", "coref": "CR"}
MODELS = {"ner": "AllenNLP's CrfTagger and trainer", "coref": "AllenNLP's CoreferenceResolver and trainer"}
ROUNDS, QUICK_ROUNDS = 18, 6
# In a turn. A document of coreference has as many tokens as a batch of twenty sentences.
UPDATES = {"ner": 4, "coref": 1}
SINGLE_TEXTS = 8
OURS, FLOOR = "hmtl", "bare torch: the kernels alone"


class Row(NamedTuple):
    """Works that do the same, ours first; in a turn they do it `times` times."""

    times: int
    works: Dict[str, Work]
    # How many numbers their models learn.
    parameters: Dict[str, int]


class Comparison:
    """The data, our model of both tasks and its trainer, with AllenNLP's models beside them."""

    def __init__(self, corpus: Path, directory: Path, rounds: int) -> None:
        self.rounds = rounds
        self.experiment = phases.Experiment(corpus, directory, CONFIGURATION)
        instances = self.experiment.loader("train", list(TASKS)).iter_instances()
        vocabulary = Vocabulary.from_params(self.experiment.params_of("vocabulary"), instances=instances)
        vocabulary.save_to_files(str(self.experiment.vocabulary))
        self.trainer = self.experiment.trainer()
        model = self.trainer.model
        assert isinstance(model, HMTL)
        self.model = model
        # Theirs has labels of its own.
        self.vocabulary = Vocabulary.from_files(str(self.experiment.vocabulary))
        self.readers: Dict[str, DatasetReader] = {}
        self.theirs: Dict[str, Model] = {}
        made = {"ner": allennlp_alone.tagger_like, "coref": allennlp_alone.resolver_like}
        for task, like in made.items():
            try:
                self.theirs[task] = like(model, self.vocabulary)
            except ImportError as error:
                print(f"without {MODELS[task]}: {error} (make develop)", file=sys.stderr)
                continue
            allennlp_alone.copy_weights(model, self.theirs[task], task)
            self.readers[task] = allennlp_alone.reader_of(task, self.experiment.params, model)

    def batches(self, task: str) -> List[List[Dict[str, Any]]]:
        """Those of each round's turns, of all lengths; the second of two rounds has the first one's neighbours."""
        count = UPDATES[task] * self.rounds
        total = self.trainer.loop.data_loader.num_batches[task]
        chosen = [number * total // count for number in range(count)]
        found = {i: batch for i, batch in zip(range(total), phases.batches_of(self.trainer, task)) if i in set(chosen)}
        return [[found[number] for number in chosen[first :: self.rounds]] for first in range(self.rounds)]

    def update(self, task: str) -> Row:
        """Updates of one task. Their models begin with our weights, and learn by themselves."""
        batches = self.batches(task)
        self.model.train()

        def ours(number: int) -> None:
            for batch in batches[number]:
                phases.update(self.trainer, task, batch)

        works: Dict[str, Work] = {OURS: ours}
        parameters = {OURS: sum(weight.numel() for _, weight in self.model.parameters_of(task))}
        settings = self.experiment.params["trainer"]
        if task in self.theirs:
            theirs, reader = self.theirs[task].train(), self.readers[task]
            like = [[allennlp_alone.batch_like(task, reader, self.vocabulary, b) for b in turn] for turn in batches]
            updates = allennlp_alone.Updates(theirs, settings)
            works[MODELS[task]] = lambda n: updates(like[n])
            parameters[MODELS[task]] = num_parameters(theirs)
        ours_in_theirs = allennlp_alone.Updates(deepcopy(self.model), settings)
        works["hmtl's model in AllenNLP's trainer"] = lambda n: ours_in_theirs(batches[n])
        kernels = [[floor.kernels_of(self.model, task, batch) for batch in turn] for turn in batches]
        step = floor.optimizer(self.model, task)

        def bare(number: int) -> None:
            for of_batch in kernels[number]:
                floor.run(of_batch)
                step()

        works[FLOOR] = bare
        return Row(UPDATES[task], works, parameters)

    def encoder(self) -> Row:
        """The LSTM of NER, forward and backward, on random vectors as long as the sentences of its batches."""
        ours, theirs = self.model.encoder("ner"), allennlp_alone.lstm(self.model, "ner")
        assert isinstance(ours, PaddedLstmEncoder)
        ours = deepcopy(ours).train()
        turns = []
        for batches in self.batches("ner"):
            masks = [batch["text"]["tokens"]["tokens"] != 0 for batch in batches]
            turns.append([(torch.randn(*m.shape, ours.get_input_dim(), requires_grad=True), m) for m in masks])
        layers = [*ours._forward_layers, *ours._backward_layers]
        kernels = [[[floor.lstm(layer, *m.shape) for layer in layers] for _, m in turn] for turn in turns]

        def both_ways(encoder: torch.nn.Module) -> Work:
            return lambda n: [encoder(inputs, mask).sum().backward() for inputs, mask in turns[n]]

        wrapper = "AllenNLP's PytorchSeq2SeqWrapper"
        works: Dict[str, Work] = {OURS: both_ways(ours), wrapper: both_ways(theirs.train())}

        def bare(number: int) -> None:
            for of_batch in kernels[number]:
                floor.run(of_batch)

        works[FLOOR] = bare
        return Row(UPDATES["ner"], works, {OURS: num_parameters(ours), wrapper: num_parameters(theirs)})

    def prediction(self, task: str) -> Tuple[Row, Row]:
        """From tokens to what is found, text by text and in batches of 64, by models with the same weights."""
        texts = phases.texts(self.experiment)
        predictor = HMTLPredictor(self.alone(task), self.reader_alone(task))
        single: Dict[str, Work] = {OURS: lambda n: [predictor.predict_json(text) for text in part(texts, n)]}
        batch: Dict[str, Work] = {OURS: lambda n: predictor.predict_batch_json(texts)}
        parameters = {OURS: num_parameters(predictor._model)}
        if task in self.theirs:
            name = f"AllenNLP's Predictor of its {type(self.theirs[task]).__name__}"
            allennlp_alone.copy_weights(self.model, self.theirs[task], task)
            reader = self.readers[task]
            theirs = Predictor(self.theirs[task].eval(), reader)

            def predicted(some: List[Dict[str, Any]]) -> object:
                rows = (allennlp_alone.instances_of(task, reader, text["sentences"]) for text in some)
                return theirs.predict_batch_instance([instance for row in rows for instance in row])

            single[name] = lambda n: [predicted([text]) for text in part(texts, n)]
            batch[name] = lambda n: predicted(texts)
            parameters[name] = num_parameters(self.theirs[task])
        if task == "ner":
            add_spacy(texts, self.model.head("ner").labels or [], single, batch, parameters)
        return Row(SINGLE_TEXTS, single, parameters), Row(len(texts), batch, parameters)

    def alone(self, task: str) -> Model:
        """Our model of one task, with the weights that the updates left."""
        params = self.experiment.params_of("model")
        params["levels"] = {task: params["levels"].as_dict(quiet=True)[task]}
        model = Model.from_params(params, vocab=self.model.vocab)
        model.load_state_dict({name: self.model.state_dict()[name] for name in model.state_dict()})
        return model.eval()

    def reader_alone(self, task: str) -> DatasetReader:
        params = self.experiment.params_of("dataset_reader")
        params["readers"] = {task: params["readers"].as_dict(quiet=True)[task]}
        return DatasetReader.from_params(params)


def add_spacy(
    texts: List[Dict[str, Any]],
    labels: List[str],
    single: Dict[str, Work],
    batch: Dict[str, Work],
    parameters: Dict[str, int],
) -> None:
    """Puts spaCy's NER beside the works, where it is installed."""
    try:
        import spacy
        from spacy.tokens import Doc
    except ImportError as error:
        print(f"without spaCy: {error}", file=sys.stderr)
        return
    name = "spaCy's ner, untrained"
    pipeline = spacy.blank("en")
    component: Any = pipeline.add_pipe("ner")
    for label in labels:
        component.add_label(label)
    pipeline.initialize()

    def document(text: Dict[str, Any]) -> Doc:
        return Doc(pipeline.vocab, [token for sentence in text["sentences"] for token in sentence])

    def found(doc: Doc) -> List[Any]:
        return [(span.start, span.end, span.label_) for span in doc.ents]

    single[name] = lambda n: [found(pipeline(document(text))) for text in part(texts, n)]
    batch[name] = lambda n: [found(doc) for doc in pipeline.pipe(map(document, texts), batch_size=len(texts))]
    nodes = list(component.model.walk())
    parameters[name] = sum(
        node.get_param(key).size for node in nodes for key in node.param_names if node.has_param(key)
    )


def part(texts: List[Any], number: int) -> List[Any]:
    """The texts of a round's turn."""
    first = number * SINGLE_TEXTS % len(texts)
    return texts[first : first + SINGLE_TEXTS]


def num_parameters(model: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def measure(corpus: Path, rounds: int) -> Dict[str, Any]:
    """All rows: for each the CPU seconds of every turn of ours and of the others."""
    share = Share()
    rows: Dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as directory:
        comparison = Comparison(corpus, Path(directory), rounds)
        # What is read stays; the collector need not go through it in somebody's turn.
        gc.collect()
        gc.freeze()
        for task, title in TASKS.items():
            add_row(rows, f"update of {title}", comparison.update(task), rounds)
        add_row(rows, "LSTM of NER, forward and backward", comparison.encoder(), rounds)
        for task, title in TASKS.items():
            length, number = phases.TEXT_LENGTH, phases.TEXTS_IN_BATCH
            names = (f"{title} of one text of {length} tokens", f"{title} of a text in batches of {number}")
            for name, row in zip(names, comparison.prediction(task)):
                add_row(rows, name, row, rounds)
        gc.unfreeze()
    return {"machine": machine(), "share": share.now(), "rounds": rounds, "rows": rows}


def add_row(rows: Dict[str, Any], name: str, row: Row, rounds: int) -> None:
    print(f"measuring: {name}", file=sys.stderr, flush=True)
    turns = take_turns(row.works, rounds)
    each = {work: [seconds / row.times for seconds in of_work] for work, of_work in turns.items()}
    rows[name] = {"seconds": each, "parameters": row.parameters}


class Ratio(NamedTuple):
    """How many times the cost of ours another's is."""

    median: float
    lowest: float
    highest: float


def ratios(row: Dict[str, Any]) -> Dict[str, Ratio]:
    """By the others of a row; each round has a ratio."""
    ours = row["seconds"][OURS]
    found = {}
    for other, theirs in row["seconds"].items():
        of_rounds = [b / a for a, b in zip(ours, theirs)]
        if other != OURS:
            found[other] = Ratio(median(of_rounds), min(of_rounds), max(of_rounds))
    return found


def table(results: Dict[str, Any]) -> str:
    """The results for people to read, as Markdown."""
    lines = [f"{in_words(results['machine'])}; {in_company(results['share'])}; {results['rounds']} rounds\n"]
    lines.append("| | other | hmtl, ms | other, ms | other / hmtl | lowest to highest |")
    lines.append("|---|---|---:|---:|---:|---:|")
    for name, row in results["rows"].items():
        ours = 1000 * median(row["seconds"][OURS])
        for other, ratio in ratios(row).items():
            theirs = 1000 * median(row["seconds"][other])
            spread = f"{ratio.lowest:.2f} to {ratio.highest:.2f}"
            lines.append(f"| {name} | {other} | {ours:.3g} | {theirs:.3g} | {ratio.median:.2f} | {spread} |")
    sizes = {name: row["parameters"] for name, row in results["rows"].items()}
    lines.append("\nNumbers that are learned:")
    lines.extend(f"- {name}: {', '.join(f'{who} {size:,}' for who, size in of.items())}" for name, of in sizes.items())
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--corpus", type=Path, metavar="DIR")
    source.add_argument("--from", type=Path, metavar="FILE", dest="former", help="draw the table of former results")
    parser.add_argument("--quick", action="store_true", help="few rounds")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the results there, as JSON")
    arguments = parser.parse_args()
    if arguments.former is not None:
        results = json.loads(arguments.former.read_text())
    else:
        results = measure(arguments.corpus, QUICK_ROUNDS if arguments.quick else ROUNDS)
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(results, indent=2) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
