"""ELMo as a token embedder whose vectors depend on the text alone."""

from typing import Any

from allennlp.modules.elmo_lstm import ElmoLstm
from allennlp.modules.token_embedders import ElmoTokenEmbedder, TokenEmbedder


@TokenEmbedder.register("hmtl_elmo")
class ElmoEmbedder(ElmoTokenEmbedder):
    """AllenNLP's `elmo_token_embedder`, which starts each batch in the state that the batch before left, of whichever
    task: the same text gets other vectors at each call. Here each sentence starts anew.

    # Parameters

    stateful : `bool`, optional (default = `False`)
        Carry the state from batch to batch, as AllenNLP and the 2018 implementation do.
    kwargs
        Those of AllenNLP's embedder, such as `options_file` and `weight_file`.
    """

    def __init__(self, stateful: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for module in self.modules():
            if isinstance(module, ElmoLstm):
                module.stateful = stateful
