import pytest

from hmtl.corpora.ontonotes_release import read_split_lists
from hmtl.errors import DataError


def write_lists(folder, train="a/b\n", development="c/d\n", test="e/f\n"):
    for name, text in (("train", train), ("development", development), ("test", test)):
        (folder / f"{name}.id").write_text(text)


def test_the_published_lists():
    lists = read_split_lists()
    assert {split: len(names) for split, names in lists.items()} == {"train": 1940, "dev": 222, "test": 222}
    assert all(names == sorted(names) for names in lists.values())
    # The published files hold these many characters, with the directory before each name and no final line break.
    lengths = {split: len("\n".join(f"data/english/annotations/{n}" for n in names)) for split, names in lists.items()}
    assert lengths == {"train": 86303, "dev": 9911, "test": 9911}
    everything = [name for names in lists.values() for name in names]
    assert len(set(everything)) == len(everything)
    assert {name.split("/")[0] for name in everything} == {"bc", "bn", "mz", "nw", "pt", "tc", "wb"}
    for name in everything:
        genre, source, section, document = name.split("/")
        prefix, number = document.rsplit("_", 1)
        assert len(number) == 4 and section == number[:2], name


def test_own_lists(tmp_path):
    write_lists(tmp_path, train="data/english/annotations/nw/b\n\nnw/a\n")
    assert read_split_lists(tmp_path) == {"train": ["nw/b", "nw/a"], "dev": ["c/d"], "test": ["e/f"]}


def test_lists_that_cannot_be_used(tmp_path):
    with pytest.raises(DataError, match="train.id: no such file"):
        read_split_lists(tmp_path)
    write_lists(tmp_path, development="\n")
    with pytest.raises(DataError, match="development.id: an empty list"):
        read_split_lists(tmp_path)
    write_lists(tmp_path, test="e/f\na/b\n")
    with pytest.raises(DataError, match=r"test.id:2: 'a/b' stands at train.id:1 already"):
        read_split_lists(tmp_path)
