"""Search over the values of a configuration with Optuna: each trial is an ordinary run in a process of its own."""
