#!/usr/bin/env python
"""Measures `hmtl prepare ace05` on made-up documents in the format of the LDC.

    python benchmarks/prepare_ace.py [--documents 1000] [--factor 4] [--jobs 2] [--output FILE]
    python benchmarks/prepare_ace.py --generate DIR --documents N

A document has about 40 sentences, 75 mentions and 15 relations, as those of ACE 2005 have; it depends on the seed and
its number alone. Two corpora are prepared, N documents and several times as many: the first figure is documents a
second, and CPU seconds a document, which other work on the machine disturbs less; the second is the highest memory of
any process, which must not grow with the corpus. The interpreter's start and its imports count as well, but not in
the figures for a further document: those are the difference of both runs.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, NamedTuple, Tuple

SENTENCES, PARAGRAPH = 40, 4
NAMES = {
    "PER": ["Ilse Brandt", "Tom Odell", "Nuria Kask", "Aldo Rossi", "the mayor", "she", "engineers", "a pilot"],
    "ORG": ["the Harbor Board", "R&amp;D Partners", "Moss &amp; Sons", "the council", "Alvian Central Bank", "it"],
    "GPE": ["Lunden", "Alvia", "Denvale", "the town", "Port Ferris"],
    "LOC": ["the river", "North Bay"],
    "FAC": ["the bridge", "the old ferry terminal"],
    "VEH": ["a truck", "the ferry"],
    "WEA": ["rifles"],
}
WEIGHTS = {"PER": 40, "ORG": 20, "GPE": 25, "LOC": 4, "FAC": 5, "VEH": 4, "WEA": 2}
RELATIONS = {
    ("PER", "PER"): "PER-SOC",
    ("PER", "ORG"): "ORG-AFF",
    ("PER", "GPE"): "PHYS",
    ("ORG", "GPE"): "GEN-AFF",
    ("GPE", "GPE"): "PART-WHOLE",
    ("PER", "VEH"): "ART",
}
FILLERS = [
    "said",
    "that",
    "on",
    "Monday",
    "after",
    "one",
    "long",
    "quiet",
    "talk",
    "about",
    "fish",
    "near",
    "old",
    "roads",
]
# Of the pairs of types above; this leaves about 15 in a document.
RELATION_SHARE = 0.95


class Mention(NamedTuple):
    """A mention at the characters `start` to `end`, both included, of the text without tags."""

    type: str
    text: str
    start: int
    end: int


@dataclass
class Draft:
    """A document while it is written."""

    sgml: List[str] = field(default_factory=list)
    length: int = 0
    mentions: List[Mention] = field(default_factory=list)
    relations: List[Tuple[str, int, int]] = field(default_factory=list)

    def tag(self, tag: str) -> None:
        self.sgml.append(tag)

    def text(self, text: str) -> None:
        self.sgml.append(text)
        self.length += len(text)

    def mention(self, kind: str, text: str) -> None:
        self.mentions.append(Mention(kind, text, self.length, self.length + len(text) - 1))
        self.text(text)


def write_corpus(directory: Path, documents: int, seed: int = 0) -> List[str]:
    """Writes documents below `directory` as in LDC2006T06, and lists of them (90 %, 5 %, 5 %) in `splits`.

    # Returns

    `List[str]`
        Their names.
    """
    folder = directory / "data" / "English" / "nw" / "timex2norm"
    folder.mkdir(parents=True)
    names = [f"SYN_ENG_20990101.{number:05d}" for number in range(documents)]
    for name in names:
        sgml, apf = write_document(name, random.Random(f"{seed} {name}"))
        (folder / f"{name}.sgm").write_text(sgml, encoding="utf-8")
        (folder / f"{name}.apf.xml").write_text(apf, encoding="utf-8")
    part = max(1, documents // 20)
    lists = {"test": names[:part], "dev": names[part : 2 * part], "train": names[2 * part :]}
    (directory / "splits").mkdir()
    for split, members in lists.items():
        (directory / "splits" / f"{split}.txt").write_text("".join(f"{name}\n" for name in members))
    return names


def write_document(name: str, chance: random.Random) -> Tuple[str, str]:
    """The contents of the `.sgm` and the `.apf.xml` file of a document."""
    draft = Draft()
    for tag, text in (
        ("<DOC>", "\n"),
        ("<DOCID>", f" {name} "),
        ("</DOCID>", "\n"),
        ('<DOCTYPE SOURCE="newswire">', " NEWS STORY "),
        ("</DOCTYPE>", "\n"),
        ("<DATETIME>", " 2099-01-01 10:00:00 "),
        ("</DATETIME>", "\n"),
        ("<BODY>", "\n"),
        ("<TEXT>", "\n"),
    ):
        draft.tag(tag)
        draft.text(text)
    for number in range(SENTENCES):
        _write_sentence(draft, chance)
        draft.text("\n\n" if number % PARAGRAPH == PARAGRAPH - 1 else "\n")
    for tag in ("</TEXT>", "</BODY>", "</DOC>"):
        draft.tag(tag)
        draft.text("\n")
    return "".join(draft.sgml), _annotation(name, draft)


def _write_sentence(draft: Draft, chance: random.Random) -> None:
    """Some 20 words; two mentions, or one in every eighth sentence."""
    first = len(draft.mentions)
    for position in range(1 if chance.random() < 1 / 8 else 2):
        if position:
            draft.text(" ")
        (kind,) = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
        name = chance.choice(NAMES[kind])
        # As sentences of newswire begin.
        draft.mention(kind, name if position else name[0].upper() + name[1:])
        draft.text(" " + " ".join(chance.choices(FILLERS, k=8)))
    draft.text(".")
    pair = draft.mentions[first:]
    label = RELATIONS.get((pair[0].type, pair[-1].type)) if len(pair) == 2 else None
    if label and chance.random() < RELATION_SHARE:
        draft.relations.append((label, first, first + 1))


def _annotation(name: str, draft: Draft) -> str:
    """Mentions with the same words are of one entity."""
    entities: Dict[Tuple[str, str], List[int]] = {}
    for number, mention in enumerate(draft.mentions):
        entities.setdefault((mention.type, mention.text), []).append(number)
    lines = [
        '<?xml version="1.0"?>',
        '<!DOCTYPE source_file SYSTEM "apf.v5.1.1.dtd">',
        f'<source_file URI="{name}.sgm" SOURCE="newswire" TYPE="text" AUTHOR="LDC" ENCODING="UTF-8">',
        f'<document DOCID="{name}">',
    ]
    names: Dict[int, str] = {}
    for number, ((kind, text), members) in enumerate(entities.items(), start=1):
        lines.append(f'<entity ID="{name}-E{number}" TYPE="{kind}" SUBTYPE="Other" CLASS="SPC">')
        for index, member in enumerate(members, start=1):
            names[member] = f"{name}-E{number}-{index}"
            mention = draft.mentions[member]
            charseq = f'<charseq START="{mention.start}" END="{mention.end}">{text}</charseq>'
            lines.append(f'  <entity_mention ID="{names[member]}" TYPE="NAM" LDCTYPE="NAM">')
            lines += [f"    <extent>\n      {charseq}\n    </extent>", f"    <head>\n      {charseq}\n    </head>"]
            lines.append("  </entity_mention>")
        lines.append("</entity>")
    for number, (label, *arguments) in enumerate(draft.relations, start=1):
        key = f"{name}-R{number}"
        lines.append(f'<relation ID="{key}" TYPE="{label}" SUBTYPE="Other" TENSE="Unspecified" MODALITY="Asserted">')
        lines.append(f'  <relation_mention ID="{key}-1" LEXICALCONDITION="Verbal">')
        for role, argument in enumerate(arguments, start=1):
            lines.append(f'    <relation_mention_argument REFID="{names[argument]}" ROLE="Arg-{role}"/>')
        lines += ["  </relation_mention>", "</relation>"]
    return "\n".join([*lines, "</document>", "</source_file>", ""])


def measure(corpus: Path, jobs: int) -> Dict[str, float]:
    """Runs `hmtl prepare ace05` in a process of its own.

    # Returns

    `Dict[str, float]`
        Seconds on the clock, CPU seconds of all processes, and the highest resident memory in MB of the first process
        and of any worker, forked pages that they share counted for each.
    """
    command = [sys.executable, "-m", "hmtl", "prepare", "ace05", "--jobs", str(jobs), "--ldc-dir", str(corpus)]
    command += ["--split-dir", str(corpus / "splits"), "--output", str(corpus / "prepared"), "--force"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    before, start = os.times(), time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    peaks = {"first process MB": 0.0, "worker MB": 0.0}
    watch = threading.Thread(target=_watch, args=(process, peaks))
    watch.start()
    if process.wait() != 0:
        raise SystemExit(f"hmtl prepare ended with {process.returncode}")
    seconds, after = time.perf_counter() - start, os.times()
    watch.join()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"seconds": seconds, "cpu seconds": cpu, **peaks}


def _watch(process: "subprocess.Popen[bytes]", peaks: Dict[str, float]) -> None:
    """Notes the highest memory that the kernel has seen of a process and of those that it started (Linux)."""
    while process.poll() is None:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        try:
            numbers = children.read_text().split()
        except OSError:
            break
        peaks["first process MB"] = max(peaks["first process MB"], _peak_mb(str(process.pid)))
        peaks["worker MB"] = max([peaks["worker MB"], *map(_peak_mb, numbers)])
        time.sleep(0.05)


def _peak_mb(number: str) -> float:
    try:
        status = Path(f"/proc/{number}/status").read_text()
    except OSError:
        return 0.0
    peak = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(peak[0]) / 1024 if peak else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--factor", type=int, default=4, help="how many times larger the second corpus is, from 2")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--generate", type=Path, metavar="DIR", help="only write a corpus")
    parser.add_argument("--output", type=Path, help="the figures as JSON")
    arguments = parser.parse_args()
    if arguments.generate:
        write_corpus(arguments.generate, arguments.documents, arguments.seed)
        return
    rows: List[Dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for count in (arguments.documents, arguments.documents * arguments.factor):
            corpus = Path(folder) / str(count)
            write_corpus(corpus, count, arguments.seed)
            rows.append({"documents": count, **measure(corpus, arguments.jobs)})
    for row in rows:
        row["documents a second"] = row["documents"] / row["seconds"]
        row["cpu ms a document"] = 1000 * row["cpu seconds"] / row["documents"]
    # The difference of the runs is without start and imports.
    more = {key: rows[1][key] - rows[0][key] for key in ("documents", "seconds", "cpu seconds")}
    further = {
        "documents a second": more["documents"] / more["seconds"],
        "cpu ms a document": 1000 * more["cpu seconds"] / more["documents"],
    }
    for key in rows[0]:
        print(f"{key:22}", *(f"{row[key]:12.1f}" for row in rows))
    for key, value in further.items():
        print(f"{key + ', further':31} {value:12.1f}")
    if arguments.output:
        arguments.output.write_text(json.dumps({"runs": rows, "further": further}, indent=2) + "\n")


if __name__ == "__main__":
    main()
