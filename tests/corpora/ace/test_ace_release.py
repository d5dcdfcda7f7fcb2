from collections import Counter
from pathlib import Path

import pytest
from ace_files import ENGLISH, FIXTURE, SPLITS, apf, sgml, write

from hmtl.corpora.ace.release import AceRelease, read_split
from hmtl.errors import DataError, UserError

IDS = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "ace05_split"


def test_the_usual_split_ships_with_the_package():
    lists = {split: read_split(split) for split in ("train", "dev", "test")}
    assert {split: len(names) for split, names in lists.items()} == {"train": 351, "dev": 80, "test": 80}
    assert len({name for names in lists.values() for name in names}) == 511
    # Broadcasts (CNN), newswire and weblogs; no telephone conversations, no newsgroups.
    families = Counter(name.split("_")[0] for names in lists.values() for name in names)
    assert families["CNN"] == 42 + 36 + 166 and families["CNNHL"] == 3 + 9 + 30
    assert not any(name.startswith(("fsh_", "alt.", "rec.", "soc.")) for names in lists.values() for name in names)


@pytest.mark.skipif(not IDS.is_dir(), reason="the lists are not at hand")
@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_the_usual_split_is_the_published_one(split):
    assert read_split(split) == (IDS / f"{split}.txt").read_text().split()


def test_lists_of_your_own(tmp_path):
    (tmp_path / "dev.txt").write_bytes(b"one\r\n\r\n two \n")
    assert read_split("dev", tmp_path) == ["one", "two"]


@pytest.mark.parametrize(
    "content, message",
    [
        (None, r"dev\.txt: no such file"),
        ("\n\n", r"dev\.txt: it names no document"),
        ("one\ntwo\none\n", r"dev\.txt:3: 'one' stands on line 1 already"),
    ],
)
def test_bad_lists_are_named(tmp_path, content, message):
    if content is not None:
        (tmp_path / "dev.txt").write_text(content)
    with pytest.raises(DataError, match=message):
        read_split("dev", tmp_path)


@pytest.mark.parametrize("directory", [FIXTURE, FIXTURE / "data", ENGLISH])
def test_any_level_of_the_directory(directory):
    release = AceRelease(directory)
    files = release.files("APW_ENG_20990315.0042")
    assert files.sgml == ENGLISH / "nw" / "timex2norm" / "APW_ENG_20990315.0042.sgm"
    assert files.apf == ENGLISH / "nw" / "timex2norm" / "APW_ENG_20990315.0042.apf.xml"
    metadata = release.metadata("APW_ENG_20990315.0042")
    assert metadata == {"genre": "nw", "source": files.sgml.relative_to(directory).as_posix()}


@pytest.mark.parametrize("genre", ["bc", "bn", "nw", "wl", "cts", "un"])
def test_documents_of_each_genre_are_found(genre):
    release = AceRelease(FIXTURE)
    (path,) = (ENGLISH / genre / "timex2norm").glob("*.sgm")
    assert release.files(path.stem).sgml == path
    assert release.metadata(path.stem)["genre"] == genre
    assert path.stem in {name for split in ("train", "dev", "test") for name in read_split(split, SPLITS)}


def test_one_of_the_files_is_missing(tmp_path):
    folder = tmp_path / "data" / "English" / "bn" / "timex2norm"
    folder.mkdir(parents=True)
    (folder / "A.sgm").touch()
    (folder / "B.apf.xml").touch()
    release = AceRelease(tmp_path)
    assert release.files("A").apf == folder / "A.apf.xml"
    assert release.files("B").sgml == folder / "B.sgm"
    # It is anyone's guess where this one should be.
    assert str(release.files("C").sgml).endswith("English/*/timex2norm/C.sgm")


def test_other_directories_of_the_release_are_left_aside(tmp_path):
    for stage in ("fp1", "adj", "timex2norm"):
        (tmp_path / "English" / "bn" / stage).mkdir(parents=True)
        write(tmp_path / "English" / "bn" / stage, sgml("Ann"), apf([]), "A")
    assert AceRelease(tmp_path).files("A").sgml.parent.name == "timex2norm"


def test_the_layout_of_2004(tmp_path):
    folder = tmp_path / "data" / "English" / "bnews"
    folder.mkdir(parents=True)
    write(folder, sgml("Ann"), apf([]), "ABC20001001.1830.0973")
    release = AceRelease(tmp_path, "2004")
    assert release.files("ABC20001001.1830.0973").apf == folder / "ABC20001001.1830.0973.apf.xml"
    assert release.metadata("ABC20001001.1830.0973")["genre"] == "bnews"


@pytest.mark.parametrize("create", [True, False])
def test_directories_without_ace_are_named(tmp_path, create):
    directory = tmp_path / "LDC"
    if create:
        (directory / "data" / "Arabic" / "nw" / "timex2norm").mkdir(parents=True)
    with pytest.raises(UserError, match=r"LDC: no English documents of ACE 2005; expected 'data/English/\*/timex2norm"):
        AceRelease(directory)
