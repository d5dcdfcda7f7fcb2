"""Any encoder of the transformers library as a token embedder that is really frozen when it is frozen."""

from typing import Any

from allennlp.modules.token_embedders import PretrainedTransformerMismatchedEmbedder, TokenEmbedder


@TokenEmbedder.register("hmtl_transformer")
class TransformerEmbedder(PretrainedTransformerMismatchedEmbedder):
    """AllenNLP's `pretrained_transformer_mismatched`: one vector a token, the mean of its word pieces.

    Where `train_parameters` is false, the transformer also stays in evaluation mode while the rest trains: AllenNLP's
    own keeps its dropout, so that a frozen encoder would give other vectors at each update.

    # Parameters

    model_name : `str`
        A name of the hub or a local folder.
    train_parameters : `bool`, optional (default = `False`)
        Whether the transformer is fine-tuned.
    last_layer_only : `bool`, optional (default = `train_parameters`)
        Whether to use the last layer, or a scalar mix of all layers whose weights are trained.
    kwargs
        Those of AllenNLP's embedder, such as `max_length` in word pieces, above which a text is read in parts.
    """

    def __init__(
        self, model_name: str, train_parameters: bool = False, last_layer_only: bool = None, **kwargs: Any
    ) -> None:
        if last_layer_only is None:
            last_layer_only = train_parameters
        super().__init__(model_name, train_parameters=train_parameters, last_layer_only=last_layer_only, **kwargs)
        if not train_parameters:
            self._matched_embedder.eval_mode = True
            self._matched_embedder.transformer_model.eval()
