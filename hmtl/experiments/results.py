"""What a run gives back: dictionaries, as programs want them, that show themselves as text and in notebooks."""

import base64
import html
import io
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence

from hmtl.common.checks import it_has
from hmtl.common.tables import aligned
from hmtl.document import SECOND_TEXT, Document
from hmtl.errors import UserError
from hmtl.evaluation.error_analysis import RunErrors, errors_as_page, errors_as_text
from hmtl.evaluation.evaluate import Evaluation
from hmtl.evaluation.figures import TaskFigure, confusion_figure, scores_figure
from hmtl.page import page
from hmtl.predictors.render import render
from hmtl.runs.curves import make_figure
from hmtl.runs.run_directory import best_stem
from hmtl.runs.summaries import Metrics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Of the frame that a page of its own has in a notebook, in pixels.
_HEIGHT_OF_TEXT, _HEIGHT_OF_PAGE = 420, 640


class Prediction(Dict[str, Any]):
    """What a model finds in a text: the output of `HMTLPredictor.predict`, a dictionary.

    As text it is what `hmtl predict` shows, in a notebook the page of `hmtl annotate --html`.

    # Attributes

    layers : `Dict[str, str]`
        The kind of prediction of each task.
    """

    def __init__(self, output: Mapping[str, Any], layers: Mapping[str, str]) -> None:
        super().__init__(output)
        self.layers = dict(layers)

    def __str__(self) -> str:
        return render(dict(self), self.layers)

    def _repr_html_(self) -> str:
        return _framed(page([dict(self)], self.layers, title=self["doc_key"]), _HEIGHT_OF_TEXT)


class Scores(Dict[str, Metrics]):
    """The metrics of each task, from 0 to 1, with the weights that were best for it: `scores["ner"]["f1"]`.

    As text it is the table of `hmtl evaluate`, with all weights and baselines.

    # Attributes

    evaluation : `Evaluation`
        The scores of all weights on all tasks, and the baselines.
    """

    def __init__(self, evaluation: Evaluation) -> None:
        super().__init__()
        self.evaluation = evaluation
        for task in evaluation.tasks:
            own = evaluation.scores.get(best_stem(task)) or next(iter(evaluation.scores.values()))
            self[task] = own[task].metrics

    def figure(self) -> "Figure":
        """The scores as bars beside those of the baselines.

        # Raises

        ImportError
            Where matplotlib is missing (`pip install 'hmtl[plots]'`).
        """
        return scores_figure(self._figures(), self.evaluation.split)

    def __str__(self) -> str:
        return self.evaluation.table()

    def _repr_html_(self) -> str:
        rows = [[each.task, each.title, _percent(each.score), _percent(each.baseline)] for each in self._figures()]
        caption = f"{self.evaluation.run}: {self.evaluation.split} data, scores x 100"
        return _table(caption, ["task", "", "score", "baseline"], rows)

    def _figures(self) -> List[TaskFigure]:
        found = []
        for task, metrics in self.items():
            baseline = self.evaluation.baselines.get(task)
            below = {} if baseline is None else baseline.metrics
            for name, title in self.evaluation.kinds[task].figures.items():
                if name in metrics:
                    found.append(TaskFigure(task, title, metrics[name], below.get(name)))
        return found


class Errors(Dict[str, Any]):
    """What a run gets wrong, by task: the JSON of `hmtl errors`; in a notebook its page."""

    def __init__(self, errors: RunErrors) -> None:
        super().__init__(errors.to_json())
        self.errors = errors

    def confusion(self, task: str) -> "Figure":
        """Which labels of a task are taken for which: the first of its confusion matrices, drawn.

        # Raises

        UserError
            Where there is no such task, or nothing with labels that could be confused: clusters have none.
        ImportError
            Where matplotlib is missing (`pip install 'hmtl[plots]'`).
        """
        found = self.errors.tasks.get(task)
        if found is None:
            raise UserError(f"{self.errors.run}: no errors of a task '{task}'; {it_has(task, list(self.errors.tasks))}")
        section = next((section for section in found.sections if section.has_confusion), None)
        if section is None or not section.confusion:
            raise UserError(f"{task}: there is nothing with labels that could be taken for one another")
        return confusion_figure(section, f"{task}: {section.title} of the {self.errors.split} data")

    def __str__(self) -> str:
        return errors_as_text(self.errors)

    def _repr_html_(self) -> str:
        return _framed("".join(errors_as_page(self.errors)), _HEIGHT_OF_PAGE)


class Curves(Dict[str, List[Any]]):
    """The metrics of a run by epoch, under the names of its `metrics_epoch_*.json`: `curves["validation_ner_f1"]`.

    In a notebook it is drawn, where matplotlib is installed.
    """

    def __init__(self, epochs: Sequence[Metrics], metric_names: Mapping[str, str]) -> None:
        columns = dict.fromkeys(key for metrics in epochs for key, value in metrics.items() if _is_number(value))
        super().__init__({key: [metrics.get(key) for metrics in epochs] for key in columns})
        self._epochs = list(epochs)
        self._metric_names = dict(metric_names)

    def figure(self) -> "Figure":
        """A panel for each task: its training loss, and its score in validation with the best one marked.

        # Raises

        ImportError
            Where matplotlib is missing (`pip install 'hmtl[plots]'`).
        """
        return make_figure(self._epochs, self._metric_names)

    def __str__(self) -> str:
        return aligned(self._rows(), numbers=True)

    def _repr_html_(self) -> str:
        drawn = self._drawn()
        if drawn is not None:
            return f'<img alt="learning curves" src="data:image/png;base64,{drawn}">'
        titles, *rows = self._rows()
        return _table("validation", titles, rows)

    def _rows(self) -> List[List[str]]:
        names = {task: f"validation_{task}_{metric}" for task, metric in self._metric_names.items()}
        rows = [["epoch", *(f"{task} {self._metric_names[task]}" for task in names)]]
        for metrics in self._epochs:
            scores = [metrics.get(name) for name in names.values()]
            rows.append([str(metrics["epoch"]), *("-" if score is None else f"{score:.4f}" for score in scores)])
        return rows

    def _drawn(self) -> Optional[str]:
        if not self._epochs or not self._metric_names:
            return None
        try:
            figure = self.figure()
        except ImportError:
            return None
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        return base64.b64encode(buffer.getvalue()).decode()


def text_of(text: Any) -> Any:
    """What a predictor reads: a raw text, a `Document`, or its own input."""
    if not isinstance(text, Document):
        return text
    pair = {} if text.second_text is None else {SECOND_TEXT: text.second_text}
    return {"doc_key": text.doc_key, "sentences": text.sentences, **pair}


def _percent(value: Optional[float]) -> str:
    return "-" if value is None else f"{100 * value:.2f}"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _framed(document: str, height: int) -> str:
    """A whole page within another: its style and its script are its own."""
    return (
        f'<iframe srcdoc="{html.escape(document)}" sandbox="allow-scripts" '
        f'style="width: 100%; height: {height}px; border: 0"></iframe>'
    )


def _table(caption: str, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(title)}</th>" for title in titles)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    title = f"<caption>{html.escape(caption)}</caption>"
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
