"""What the gradients of one base model tell of tasks: affinities, and scores of subsets that were never trained."""
