"""What the 2018 implementation costs, run with torch 2.13 on the benchmark's corpus and one thread: facts, in its own
CPU seconds, of which 0.086 are 1 cal."""

from typing import Dict

SECONDS_PER_CAL = 0.086

CAL: Dict[str, float] = {
    "ner update": 2.54,
    "emd update": 2.89,
    "relation update": 1.87,
    "coref update": 20.1,
    "ner reading": 30,
    "emd reading": 17,
    "relation reading": 7,
    "coref reading": 81,
    "vocabulary": 19,
    "ner first pass": 18,
    "emd first pass": 19,
    "relation first pass": 6,
    "coref first pass": 90,
    "ner later pass": 8,
    "emd later pass": 11,
    "relation later pass": 3,
    "coref later pass": 75,
    "ner validation": 42,
    "emd validation": 40,
    "relation validation": 37,
    "coref validation": 479,
    "one text of 52 tokens": 0.34,
    # It read one text at a time, whatever their number.
    "a text in batches of 64": 0.34,
}

# Parts of an update. Decoding, which it does in training too, and metrics belong to the forward pass.
CAL.update(
    {
        name: milliseconds / 1000 / SECONDS_PER_CAL
        for name, milliseconds in {
            "ner update: batch": 5,
            "ner update: forward": 82,
            "ner update: backward": 87,
            "ner update: clipping": 4,
            "ner update: optimizer": 20,
            "emd update: forward": 64,
            "emd update: backward": 134,
            "emd update: optimizer": 19,
            "relation update: forward": 58,
            "relation update: backward": 96,
            "relation update: optimizer": 20,
            "coref update: forward": 691,
            "coref update: backward": 1083,
        }.items()
    }
)

PEAK_GB: Dict[str, float] = {"updates of ner, emd, relation": 1.97, "updates of coref": 3.5}
