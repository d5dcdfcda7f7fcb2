"""Texts to try, of the kinds that the bundled sample has."""

EXAMPLES = (
    "Clara Moss, the director of Hollin Rail, lives in Dublin. She sold her car to the company.",
    "Marie Curie was born in Warsaw. She moved to Paris, where she worked with her husband Pierre Curie.",
    "The mayor of Tarn visited the harbour on Monday. Her deputy, Jonas Feld, had asked the engineers of Nordwerk to "
    "repair the bridge. They told him that it would take three weeks.",
)
