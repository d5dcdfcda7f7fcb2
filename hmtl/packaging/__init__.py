"""Trained models as packages: what `hmtl package` writes, which `hmtl.common.model_names.find_model` finds again."""
