"""What stays on the screen of a run."""

from typing import Any, Dict, List

from hmtl.runs.summaries import RunSummary, TaskSummary
from hmtl.training.screen import EpochTable, closing_lines, opening_lines


def test_a_row_marks_what_is_best_so_far() -> None:
    table = EpochTable(["ner", "relation"], {"ner": "f1", "relation": "f1_last_tokens"})
    epochs: List[Dict[str, Any]] = [
        {"validation_ner_f1": 0.5, "best_epoch_ner": 0, "validation_relation_f1_last_tokens": 0.0},
        {"validation_ner_f1": 0.4, "best_epoch_ner": 0, "validation_relation_f1_last_tokens": 1.0},
    ]
    epochs[0]["best_epoch_relation"], epochs[1]["best_epoch_relation"] = 0, 1

    rows = [table.lines(number, metrics, [0.003, 0.003], 61) for number, metrics in enumerate(epochs)]

    assert rows[0] == [
        "validation scores x 100, * the best so far",
        "epoch      ner  relation last tokens      time  learning rate",
        "    0    50.00*                 0.00*    01:01  0.003",
    ]
    # The titles stand there once.
    assert rows[1] == ["    1    40.00                100.00*    01:01  0.003"]


def test_without_validation_a_row_has_losses() -> None:
    table = EpochTable(["ner"], {"ner": "f1"})
    lines = table.lines(3, {"training_ner_loss": 12.345}, [5e-5], 0)
    assert lines == ["losses in training", "epoch      ner      time  learning rate", "    3    12.35     00:00  5e-05"]


class Trainer:
    """Of a trainer, what is shown at the start."""

    def __init__(self, model: Any, num_tasks: int) -> None:
        self.model = model
        self.tasks = (model.tasks * num_tasks)[:num_tasks]
        self.cuda_device = "cpu"
        self.data_loader = self
        self.validation_data_loader = None
        self.loop = self
        self.num_epochs = 5
        self.num_instances = {"ner": 1234}
        self.num_batches = {"ner": 155}


def test_what_is_trained_takes_a_dozen_lines_at_most(talkative) -> None:
    model = talkative.model
    number = sum(parameter.numel() for parameter in model.parameters())

    lines = opening_lines(Trainer(model, 4))  # type: ignore[arg-type]

    assert [line.split() for line in lines[:3]] == [
        ["task", "reads", "training", "validation", "batches"],
        ["ner", "-", "1,234", "sentences", "-", "155"],
        ["emd", "ner", "-", "-", "0"],
    ]
    assert lines[-1] == f"{number:,} parameters; on cpu; 5 epochs at most"
    frozen = model.text_field_embedder.requires_grad_(False)
    try:
        trained = number - sum(parameter.numel() for parameter in frozen.parameters())
        [*_, last] = opening_lines(Trainer(model, 4))  # type: ignore[arg-type]
        assert last.startswith(f"{number:,} parameters, {trained:,} of them trained;")
    finally:
        frozen.requires_grad_(True)
    many = opening_lines(Trainer(model, 20))  # type: ignore[arg-type]
    assert len(many) <= 11 and many[-2] == "and 12 more tasks"


def test_the_end_has_scores_beside_baselines_and_the_files(tmp_path) -> None:
    (tmp_path / "out.log").touch()
    tasks = {
        "ner": TaskSummary("f1", 0.5, 3, 10, 1.0, baseline=0.25),
        "topic": TaskSummary("loss", 1.5, 0, 10, 1.0),
    }
    summary = RunSummary(str(tmp_path), "finished", 4, 9, 75.0, "", tasks)

    assert closing_lines(summary) == [
        "",
        "best in validation  score  epoch  baseline",
        "ner                 50.00      3     25.00",
        "topic loss          1.500      0         -",
        "",
        f"{tmp_path}: 4 epochs in 01:15; out.log",
    ]
