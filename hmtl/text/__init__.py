"""Raw text as sentences of tokens that know their places in it."""

from hmtl.text.sentences import MAX_SENTENCE
from hmtl.text.splitter import MAX_TOKEN, SentenceSplitter, shared_splitter
from hmtl.text.tokenized_text import TokenizedText, split_at_white_space
