"""What became of a run on data that it did not train on: scores beside baselines, and errors."""
