"""The heat map of a probing."""

import numpy as np
import pytest

from hmtl.common.tables import Table
from hmtl.probing.outputs import MAJORITY, heat_map
from hmtl.probing.sentences import TRAINED


def test_tasks_with_few_sentences_have_no_cells():
    pytest.importorskip("matplotlib")
    row = {"encoder": TRAINED, "level": "ner", "pooling": "max", "Length": 75.0, "CoordInv": 83.0}
    majority = {"encoder": MAJORITY, "level": "", "pooling": "", "Length": 50.0, "CoordInv": 50.0}
    axes = heat_map(Table("table", [row, majority]), {"Length": 30, "CoordInv": 29}).axes[0]
    assert [text.get_text() for text in axes.texts] == ["75"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["Length", "CoordInv (only 29)"]
    np.testing.assert_equal(np.ma.filled(axes.images[0].get_array(), np.nan), [[0.5, np.nan]])
