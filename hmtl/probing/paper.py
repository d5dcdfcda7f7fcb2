"""The probing results of Sanh, Wolf and Ruder (2019), in the table of their second half: accuracies in percent."""

from typing import Dict, Tuple

from hmtl.probing.senteval import FILES

_ROWS = {
    ("embedding", "max"): (62.4, 43.0, 32.5, 76.3, 74.5, 88.1, 85.7, 82.7, 54.7, 56.9),
    ("embedding", "average"): (72.1, 70.0, 38.5, 79.9, 81.4, 89.7, 88.5, 86.5, 57.4, 63.0),
    ("ner", "max"): (50.7, 3.24, 19.5, 34.2, 57.2, 66.6, 63.5, 61.6, 50.7, 52.0),
    ("emd", "max"): (43.3, 1.8, 19.3, 30.0, 56.3, 64.0, 60.1, 57.9, 51.3, 50.4),
    ("relation", "max"): (56.8, 1.2, 19.3, 24.5, 53.9, 62.3, 60.8, 57.1, 50.4, 52.2),
    ("coref", "max"): (61.9, 11.0, 29.5, 55.9, 70.0, 82.8, 83.0, 76.5, 53.3, 58.7),
}

# By level and pooling, then by task.
PAPER: Dict[Tuple[str, str], Dict[str, float]] = {row: dict(zip(FILES, values)) for row, values in _ROWS.items()}
