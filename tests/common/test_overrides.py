"""Overrides: how `-o` is read, and what it makes of a configuration."""

import argparse
import json
from typing import Any, Dict, List

import pytest
from allennlp.common import Params

from hmtl.common.overrides import (
    OverridesAction,
    joined,
    merged,
    parse_overrides,
    read_overrides,
    without_removals_made,
)
from hmtl.errors import UserError

CONFIG: Dict[str, Any] = {
    "trainer": {
        "num_epochs": 2,
        "sampler": {"type": "weights", "weights": {"ner": 1.0}},
        "optimizer": {"type": "adam", "lr": 0.003},
        "callbacks": [{"type": "hmtl_wandb", "project": "a"}],
        "checkpointer": {"keep_most_recent_by_count": 3},
    },
    "embedders": {"bert": {"cache_gib": 4.0}},
    "path": "train.jsonl",
}


@pytest.mark.parametrize(
    "text, overrides",
    [
        ("", {}),
        ('{"trainer.num_epochs": 3}', {"trainer.num_epochs": 3}),
        ("{trainer: {num_epochs: 1 + 2}}", {"trainer": {"num_epochs": 3}}),
        ("local n = 3; {trainer: {num_epochs: n}}", {"trainer": {"num_epochs": 3}}),
        ("trainer.num_epochs=3", {"trainer.num_epochs": 3}),
        ("trainer.optimizer.lr=1e-3", {"trainer.optimizer.lr": 0.001}),
        ("trainer.patience=null", {"trainer.patience": None}),
        ("trainer.sampler=uniform", {"trainer.sampler": "uniform"}),
        ("path=a=b.jsonl", {"path": "a=b.jsonl"}),
        ('path="3"', {"path": "3"}),
        ("trainer.sampler={type: 'power', alpha: 0.5}", {"trainer.sampler": {"type": "power", "alpha": 0.5}}),
        ("~trainer.patience", {"~trainer.patience": None}),
    ],
)
def test_an_option_is_an_object_or_a_key_with_its_value(text: str, overrides: Dict[str, Any]) -> None:
    assert read_overrides(text) == overrides


@pytest.mark.parametrize(
    "text, reason",
    [
        ("{trainer.num_epochs: 3}", "not valid: 1:9: expected token OPERATOR"),
        ("{", "not valid: 1:2: unexpected: end of file"),
        ("[1]", "expected an object, found a list"),
        ("3", "expected an object, found 3"),
        ("trainer", "not valid: 1:1-8: Unknown variable: trainer"),
        ("{a: error 'no'}", "not valid: no"),
    ],
)
def test_what_is_none_of_it_is_refused_by_the_name_of_the_option(text: str, reason: str) -> None:
    with pytest.raises(UserError) as error:
        read_overrides(text)
    assert str(error.value).startswith(f"-o {text}: {reason}")
    assert """'{"trainer.num_epochs": 3}', trainer.num_epochs=3, or ~KEY""" in str(error.value)


def changed(overrides: Dict[str, Any]) -> Any:
    """The trainer with overrides; the configuration itself stays as it was."""
    before = json.dumps(CONFIG)
    found = merged(CONFIG, overrides)
    assert json.dumps(CONFIG) == before
    return found["trainer"]


@pytest.mark.parametrize("written", ["dots", "objects", "both"])
def test_what_is_not_named_stays(written: str) -> None:
    overrides: Dict[str, Any] = {
        "dots": {"trainer.num_epochs": 3, "trainer.optimizer.lr": 0.1},
        "objects": {"trainer": {"num_epochs": 3, "optimizer": {"lr": 0.1}}},
        "both": {"trainer": {"num_epochs": 3, "optimizer.lr": 0.1}},
    }[written]
    assert changed(overrides) == {
        **CONFIG["trainer"],
        "num_epochs": 3,
        "optimizer": {"type": "adam", "lr": 0.1},
    }


def test_an_object_of_another_type_replaces_and_one_of_the_same_type_is_merged() -> None:
    other = {"type": "power", "alpha": 0.5}
    assert changed({"trainer": {"sampler": other}})["sampler"] == other
    assert changed({"trainer.sampler": other})["sampler"] == other
    assert changed({"trainer.optimizer": {"type": "adam", "eps": 1}})["optimizer"] == {
        "type": "adam",
        "lr": 0.003,
        "eps": 1,
    }
    # Of an object without a type it may be the default's.
    assert changed({"trainer.checkpointer": {"type": "verified"}})["checkpointer"] == {
        "type": "verified",
        "keep_most_recent_by_count": 3,
    }


def test_values_and_lists_replace() -> None:
    assert changed({"trainer.sampler": "uniform"})["sampler"] == "uniform"
    assert changed({"trainer.sampler": None})["sampler"] is None
    assert changed({"trainer.callbacks": []})["callbacks"] == []


@pytest.mark.parametrize(
    "overrides", [{"trainer.callbacks.0.project": "b"}, {"trainer.callbacks": {"0": {"project": "b"}}}]
)
def test_an_item_of_a_list_is_named_by_its_index(overrides: Dict[str, Any]) -> None:
    assert changed(overrides)["callbacks"] == [{"type": "hmtl_wandb", "project": "b"}]


def test_a_key_is_removed_and_another_set_in_its_place() -> None:
    overrides = {"embedders": {"bert": {"cache": True, "~cache_gib": None}}}
    assert merged(CONFIG, overrides)["embedders"] == {"bert": {"cache": True}}
    # The order of keys in an object is nobody's intention.
    replaced = {"trainer.sampler": {"type": "weights"}, "~trainer.sampler": None}
    assert changed(replaced)["sampler"] == {"type": "weights"}


@pytest.mark.parametrize(
    "overrides, message",
    [
        ({"trainr.num_epochs": 3}, "-o trainr.num_epochs: 'trainr' is not there; did you mean 'trainer'?"),
        ({"path.ner": 3}, "-o path.ner: 'path' is \"train.jsonl\", not an object"),
        ({"trainer.callbacks.1": {}}, "-o trainer.callbacks.1: there is a list of 1; expected an index below, from 0"),
        ({"~trainer.samplr": None}, "-o ~trainer.samplr: there is no such key to remove; did you mean 'sampler'?"),
        ({"trainer": {"~sampler": 3}}, "-o ~trainer.sampler: removes the key; expected null as its value, found 3"),
    ],
)
def test_a_key_without_a_place_is_named(overrides: Dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        merged(CONFIG, overrides)
    assert str(error.value) == message


JOINED: List[List[Dict[str, Any]]] = [
    [{"trainer.num_epochs": 3}, {"seed": 1}],
    [{"trainer": {"num_epochs": 3}}, {"trainer.sampler": {"type": "power"}}],
    [{"trainer.sampler": {"type": "power", "alpha": 1}}, {"trainer.sampler.alpha": 0}],
    [{"trainer.sampler": {"type": "power", "alpha": 1}}, {"trainer": {"sampler": {"type": "uniform"}}}],
    [{"trainer.num_epochs": 3, "trainer.optimizer.lr": 1}, {"trainer": {"num_epochs": 4}}],
    [{"~embedders.bert.cache_gib": None}, {"embedders.bert.cache": True}],
    [{"trainer.sampler": "uniform"}, {"trainer.sampler": {"type": "power"}}, {"trainer.sampler": None}],
]


@pytest.mark.parametrize("several", JOINED)
def test_joined_overrides_do_what_they_do_one_after_the_other(several: List[Dict[str, Any]]) -> None:
    # jsonnet, which reads what is written to a file, sorts the keys.
    together = json.loads(json.dumps(joined(several), sort_keys=True))
    assert merged(CONFIG, together) == merged(CONFIG, several)


def test_the_option_may_be_given_several_times(tmp_path) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("-o", "--overrides", action=OverridesAction, default="")
    assert parser.parse_args([]).overrides == ""
    arguments = ["-o", "trainer.num_epochs=3", "-o", '{"trainer": {"num_epochs": 4, "x": 1}}', "-o", "~trainer.x"]
    overrides = parser.parse_args(arguments).overrides
    assert parse_overrides(overrides) == [
        {"trainer.num_epochs": 3},
        {"trainer": {"num_epochs": 4, "x": 1}},
        {"~trainer.x": None},
    ]
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIG))
    expected = {**CONFIG, "trainer": {**CONFIG["trainer"], "num_epochs": 4}}
    assert Params.from_file(path, overrides).as_dict(quiet=True) == expected
    # AllenNLP's own way to read a configuration merges, too.
    merged_by_allennlp = Params.from_file(path, {"trainer": {"num_epochs": 3}}).as_dict(quiet=True)["trainer"]
    assert merged_by_allennlp == {**CONFIG["trainer"], "num_epochs": 3}


def test_removals_of_what_is_not_there_are_left_out() -> None:
    overrides = {
        "~trainer.patience": None,
        "~trainer.num_epochs": None,
        "trainer": {"sampler": {"~alpha": None, "~weights": None, "type": "uniform"}, "~grad_norm": None},
        "~trainer.callbacks.1": None,
        "~trainer.callbacks.0.project": None,
        "path": "dev.jsonl",
    }
    left = without_removals_made(CONFIG, overrides)
    assert left == {
        "~trainer.num_epochs": None,
        "trainer": {"sampler": {"~weights": None, "type": "uniform"}},
        "~trainer.callbacks.0.project": None,
        "path": "dev.jsonl",
    }
    once = merged(CONFIG, left)
    assert merged(once, without_removals_made(once, overrides)) == once
