"""Texts to try, of the kinds that the bundled sample has."""

EXAMPLES = (
    "Tobias Okafor met his wife in a studio in London. She worked for Low Tide Records, and the company gave her a "
    "car.",
    "Clara Moss, the director of Hollin Rail, lives in Dublin. She sold her car to the company.",
    "Anna Berg, a doctor from Oslo, works for a hospital in London. Her brother met her at the airport on Monday, and "
    "they drove to her house in his car.",
)
