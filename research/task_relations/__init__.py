"""Which tasks help each other in joint training, and what single-task runs tell of it (Bingel & Søgaard 2017)."""
