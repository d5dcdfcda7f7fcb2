"""The runs of a study of task relations: each task alone, and each pair on one shared encoder."""
