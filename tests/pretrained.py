"""Pretrained encoders of the smallest sizes, random, in the layout of the published files."""

import json
import string
from pathlib import Path
from typing import Dict, Optional

import h5py
import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, BertTokenizerFast


@pytest.fixture(scope="session")
def transformer(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A random BERT of two layers, whose word pieces are letters and a few words, in a folder."""
    folder = tmp_path_factory.mktemp("transformer")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "rain", "met", ".", ","]
    pieces += [mark + letter for mark in ("", "##") for letter in string.ascii_lowercase + string.digits]
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=12,
        max_position_embeddings=512,
    )
    BertModel(config).save_pretrained(folder)
    return str(folder)


BYTE_LEVEL_TEXT = "the director lives in Dublin . the director of the theatre met the lives of Dublin in 2019 ."


def write_byte_level_tokenizer(folder: Path, tokenizer_class: Optional[str] = None) -> int:
    """A byte-level BPE, as RoBERTa's, learned from `BYTE_LEVEL_TEXT`; returns how many pieces it has.

    It is loaded as transformers' class of this name, else as its general one, as that of ModernBERT is.
    """
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        show_progress=False,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator([BYTE_LEVEL_TEXT] * 5, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"bos": "<s>", "eos": "</s>", "cls": "<s>", "sep": "</s>", "pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}
    options = {f"{name}_token": piece for name, piece in names.items()}
    options["tokenizer_class"] = tokenizer_class or "PreTrainedTokenizerFast"
    (folder / "tokenizer_config.json").write_text(json.dumps(options))
    # AutoTokenizer asks for it.
    (folder / "config.json").write_text(json.dumps({"model_type": "roberta"}))
    return tokenizer.get_vocab_size()


@pytest.fixture(scope="session")
def elmo(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, str]:
    """Random ELMo weights of the smallest sizes, in the layout of the published files."""
    folder = tmp_path_factory.mktemp("elmo")
    characters, projection, cell = 4, 4, 6
    filters = [[1, 4], [2, 4]]
    options = {
        "lstm": {
            "use_skip_connections": True,
            "projection_dim": projection,
            "dim": cell,
            "n_layers": 2,
            "cell_clip": 3,
            "proj_clip": 3,
        },
        "char_cnn": {
            "activation": "relu",
            "max_characters_per_token": 50,
            "n_characters": 262,
            "n_highway": 1,
            "filters": filters,
            "embedding": {"dim": characters},
        },
    }
    generator = np.random.default_rng(0)

    def weights(*shape: int) -> np.ndarray:
        return generator.normal(size=shape).astype("float32")

    with h5py.File(folder / "weights.hdf5", "w") as file:
        file["char_embed"] = weights(261, characters)
        for number, (width, count) in enumerate(filters):
            file[f"CNN/W_cnn_{number}"] = weights(1, width, characters, count)
            file[f"CNN/b_cnn_{number}"] = weights(count)
        for name, shape in {"W_transform": (8, 8), "W_carry": (8, 8), "b_transform": (8,), "b_carry": (8,)}.items():
            file[f"CNN_high_0/{name}"] = weights(*shape)
        file["CNN_proj/W_proj"], file["CNN_proj/b_proj"] = weights(8, projection), weights(projection)
        for direction in range(2):
            for layer in range(2):
                place = f"RNN_{direction}/RNN/MultiRNNCell/Cell{layer}/LSTMCell"
                file[f"{place}/W_0"] = weights(2 * projection, 4 * cell)
                file[f"{place}/B"], file[f"{place}/W_P_0"] = weights(4 * cell), weights(cell, projection)
    (folder / "options.json").write_text(json.dumps(options))
    return {"options": str(folder / "options.json"), "weights": str(folder / "weights.hdf5")}
