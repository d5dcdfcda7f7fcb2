"""A model of hmtl: `hmtl.load("en_hmtl_mini")` loads it."""
