"""The runs of a study of task relations: each task alone, and each pair on one shared encoder."""

from research.task_relations.run.command import add_arguments, run

__all__ = ["add_arguments", "run"]
