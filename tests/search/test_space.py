import json
from pathlib import Path
from typing import Any, Dict

import optuna
import pytest
from allennlp.common import Params

from hmtl.errors import UserError
from hmtl.search.space import SearchSpace

CONFIGURATION = {
    "model": {"levels": {"ner": {"encoder": {"hidden_size": 8}}}},
    "trainer": {"optimizer": {"type": "adam", "lr": 0.001}, "callbacks": [{"type": "wandb"}], "cuda_device": None},
}
RATE = {"type": "float", "low": 1e-4, "high": 1e-1, "log": True}


@pytest.fixture
def read(tmp_path: Path):
    def read(described: Any) -> SearchSpace:
        path = tmp_path / "space.json"
        path.write_text(json.dumps(described))
        return SearchSpace.read(path)

    return read


def sample(space: SearchSpace, count: int = 50):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [space.suggest(study.ask()) for _ in range(count)]


def test_values_lie_where_the_space_has_them(read):
    choices = ["uniform", {"type": "power", "alpha": 0.75}, None, 3, True]
    space = read(
        {
            "trainer.optimizer.lr": RATE,
            "trainer.sampler": {"type": "categorical", "choices": choices},
            "model.levels.ner.encoder.hidden_size": {"type": "int", "low": 4, "high": 16, "step": 4},
        }
    )
    values = sample(space, 200)
    rates = [value["trainer.optimizer.lr"] for value in values]
    assert all(1e-4 <= rate <= 1e-1 for rate in rates)
    # On a logarithmic scale a third lies in each decade; on a linear one 1% would lie in the first.
    assert 40 < sum(rate < 1e-3 for rate in rates) < 95
    assert {value["model.levels.ner.encoder.hidden_size"] for value in values} == {4, 8, 12, 16}
    drawn = {json.dumps(value["trainer.sampler"], sort_keys=True) for value in values}
    assert drawn == {json.dumps(choice, sort_keys=True) for choice in choices}


def test_the_overrides_change_a_configuration(read, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps(CONFIGURATION))
    space = read({"trainer.optimizer": {"type": "categorical", "choices": [{"type": "sgd", "lr": 0.5}]}})
    space.check(CONFIGURATION, config)
    params = Params.from_file(str(config), json.dumps(sample(space, 1)[0])).as_dict()
    assert params["trainer"]["optimizer"] == {"type": "sgd", "lr": 0.5}  # nothing is left of the other


def test_a_conditional_key_is_searched_with_its_values_alone(read):
    space = read(
        {
            # Before the key it depends on, in the order of letters too.
            "trainer.optimizer.momentum": {
                "type": "float",
                "low": 0,
                "high": 1,
                "when": {"trainer.optimizer.type": "sgd"},
            },
            "trainer.optimizer.type": {"type": "categorical", "choices": ["adam", "adamw", "sgd"]},
        }
    )
    values = sample(space)
    assert {"sgd", "adam"} < {value["trainer.optimizer.type"] for value in values}
    for value in values:
        assert ("trainer.optimizer.momentum" in value) == (value["trainer.optimizer.type"] == "sgd")


def test_a_grid_has_every_combination_once(read):
    space = read(
        {
            "a": {"type": "categorical", "choices": ["x", {"y": 1}]},
            "b": {"type": "int", "low": 1, "high": 3},
            "c": {"type": "float", "low": 0.0, "high": 0.3, "step": 0.1, "when": {"a": [{"y": 1}]}},
        }
    )
    points = space.grid()
    assert len(points) == 3 + 3 * 4
    assert len({json.dumps(point) for point in points}) == len(points)
    decoded = [space.decode(point) for point in points]
    assert {"a": "x", "b": 2} in decoded
    assert [p["c"] for p in decoded if p["a"] == {"y": 1} and p["b"] == 1] == pytest.approx([0.0, 0.1, 0.2, 0.3])


@pytest.mark.parametrize("described", [RATE, {"type": "int", "low": 1, "high": 10**9}])
def test_no_grid_without_end(read, described):
    with pytest.raises(UserError, match="'trainer.optimizer.lr' has .*values; give it a .*'step', or 'choices'"):
        read({"trainer.optimizer.lr": described}).grid()


@pytest.mark.parametrize(
    "described, message",
    [
        ({}, "expected an object that maps keys"),
        ({"lr": 3}, '\'lr\': expected .*"float", "int", "categorical".*, found 3'),
        ({"lr": {"type": "real"}}, '\'lr\': "type" is "real"; expected one of "float"'),
        ({"lr": {"type": "float", "low": 1}}, "'lr': a distribution of type float needs \"high\""),
        ({"lr": {**RATE, "hihg": 2}}, '\'lr\': "hihg" unknown; .* has "high", "log", "low", "step", "when"'),
        ({"lr": {**RATE, "low": "1e-4"}}, '\'lr\': "low" expects a number, found "1e-4"'),
        ({"lr": {"type": "int", "low": 1, "high": 2.5}}, "'lr': \"high\" expects a whole number, found 2.5"),
        ({"lr": {**RATE, "log": 1}}, "'lr': \"log\" expects true or false"),
        ({"lr": {**RATE, "low": 1}}, "'lr': .*low <= high|'lr': .*low"),
        ({"lr": {**RATE, "low": 0}}, "'lr': .*0"),
        ({"lr": {"type": "categorical", "choices": []}}, "'lr': \"choices\" expects a list of at least one value"),
        ({"lr": {"type": "categorical", "choices": [{"a": 1}, {"a": 1}]}}, "'lr': \"choices\" has .* twice"),
        ({"lr": {**RATE, "when": "x"}}, "'lr': \"when\" expects an object"),
        ({"lr": {**RATE, "when": {"x": 1}}}, "'lr': \"when\" names 'x'; expected another key of the space"),
        (
            {"lr": {**RATE, "when": {"x": 1}}, "x": {"type": "categorical", "choices": [2]}},
            "'lr': \"when\": 1 is no choice of 'x'",
        ),
        ({"a": {"type": "categorical", "choices": [1]}, "a.b": RATE}, "'a.b' lies within 'a'"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key(read, tmp_path, described, message):
    with pytest.raises(UserError, match=message) as raised:
        read(described)
    assert str(raised.value).startswith(f"{tmp_path / 'space.json'}: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "key", ["trainer.optimizer.weight_decay", "trainer.callbacks.0.project", "trainer.cuda_device"]
)
def test_an_option_with_a_default_needs_its_parent_alone(read, key):
    read({key: RATE}).check(CONFIGURATION, Path("space.json"))


@pytest.mark.parametrize(
    "key, missing, nearest",
    [
        ("trainer.optimiser.lr", "trainer.optimiser", "trainer.optimizer.lr"),
        ("model.levels.emd.encoder.hidden_size", "model.levels.emd", "model.levels.ner.encoder.hidden_size"),
        ("trainer.callbacks.1.type", "trainer.callbacks.1", "trainer.callbacks.0.type"),
        ("trainer.optimizer.lr.base", "trainer.optimizer.lr", "trainer.optimizer.lr"),
    ],
)
def test_a_key_without_a_place_is_refused_with_the_nearest(read, key, missing, nearest):
    with pytest.raises(UserError) as raised:
        read({key: RATE}).check(CONFIGURATION, Path("space.json"))
    assert f"space.json: '{key}'" in str(raised.value)
    assert f"'{missing}'" in str(raised.value) and nearest in str(raised.value).split("nearest: ")[1].split(", ")


def test_no_file(tmp_path):
    with pytest.raises(UserError, match="expected a file with the space to search, found a directory"):
        SearchSpace.read(tmp_path)


def test_the_shipped_space_fits_its_configuration():
    root = Path(__file__).resolve().parents[2] / "configs"
    space = SearchSpace.read(root / "search" / "quickstart.jsonnet")
    configuration: Dict[str, Any] = Params.from_file(str(root / "quickstart.jsonnet")).as_dict(quiet=True)
    space.check(configuration, root / "search" / "quickstart.jsonnet")
    # Both optimizers and all samplers are drawn.
    values = sample(space)
    assert {"adam", "adamw"} == {value["trainer.optimizer.type"] for value in values}
