"""Models as graphs of tensors that run without AllenNLP and without hmtl's models; `hmtl.exported` reads them."""
