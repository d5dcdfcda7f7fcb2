"""The runs that are made of a configuration to compare orders of its levels."""

from pathlib import Path

import pytest

from hmtl.advice.order_runs import OrderRuns
from hmtl.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def test_a_configuration_is_cut_to_some_levels_in_their_order(monkeypatch):
    monkeypatch.chdir(ROOT)
    runs = OrderRuns(Path("configs/quickstart.jsonnet"), None, 100)
    assert runs.levels == ["coref", "emd", "ner", "relation"]
    configuration = runs.configuration(["relation", "ner"])
    levels = configuration["model"]["levels"]
    assert {name: level["reads"] for name, level in levels.items()} == {"relation": [], "ner": ["relation"]}
    assert set(configuration["dataset_reader"]["readers"]) == set(configuration["train_data_path"]) == set(levels)
    assert configuration["trainer"]["sampler"] == {"type": "uniform_updates", "num_updates": 40}
    assert configuration["trainer"]["num_epochs"] == 5  # 40 * 5 updates: 100 of each


def test_a_level_of_an_order_reads_what_stands_below_it_there(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    (tmp_path / "plain.jsonnet").write_text(f"""
        local levels = import '{ROOT}/configs/lib/levels.libsonnet';
        (import '{ROOT}/configs/quickstart.jsonnet') {{
          model+: {{ levels: levels.without_short_cuts(levels.with_label_embeddings(super.levels)) }},
        }}
    """)
    levels = OrderRuns(tmp_path / "plain.jsonnet", None, 100).configuration(["relation", "emd"])["model"]["levels"]
    assert {name: level.get("reads_embedding", True) for name, level in levels.items()} == {
        "relation": True,
        "emd": False,
    }
    labels = {name: level.get("reads_label_embeddings") for name, level in levels.items()}
    assert labels == {"relation": [], "emd": []}
    levels = OrderRuns(tmp_path / "plain.jsonnet", None, 100).configuration(["ner", "relation"])["model"]["levels"]
    assert levels["relation"]["reads_label_embeddings"] == ["ner"]


def test_a_directory_keeps_the_runs_of_one_configuration(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    runs = OrderRuns(Path("configs/quickstart.jsonnet"), tmp_path / "orders", 100)
    assert runs.directory() == runs.directory() == tmp_path / "orders"
    with pytest.raises(UserError, match="runs of another configuration, or other --updates; choose another -s"):
        OrderRuns(Path("configs/quickstart.jsonnet"), tmp_path / "orders", 200).directory()
    with pytest.raises(UserError, match="name a directory for them by -s"):
        OrderRuns(Path("configs/quickstart.jsonnet"), None, 100).trained(["ner"])
