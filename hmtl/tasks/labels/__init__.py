"""Labels and numbers of sentences, of documents and of pairs of texts, as kinds of prediction."""
