"""What every floor above uses: files, locks, errors in words, overrides, the repairs of AllenNLP at run time."""
