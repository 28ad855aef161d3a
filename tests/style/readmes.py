"""What documents hold: a folder's README names its sources, none names a file that is not there, links lead somewhere,
and decisions have context, choice, and what would change our mind.

Rules are functions that yield (line number, what is wrong); style.py runs them."""

import fnmatch
import pathlib
import re

SOURCE_ENDINGS = (".cpp", ".h", ".c", ".py", ".sh")
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^()\s]+)\)")
# Files by the look of them: `plan.cpp`, `sql/statement.*`.
FILE = re.compile(r"(?<![\w.*/-])((?:[\w.-]+/)*[\w*-]+\.(?:cpp|h|c|py|sh|\*))(?![\w/*])")
DECISION_PARTS = ("Context: ", "Choice: ", "What would change our mind: ")


def folder_of(path):
    return path.rpartition("/")[0]


def unnamed_sources(path, lines, files):
    """A source is named by its stem, with or without an ending, or by a pattern: `plan.*`, `*_cases`."""
    names = {name for line in lines for code in CODE.findall(line) for name in re.split(r"[\s,]+", code)}
    stems = {re.sub(r"\.(\*|cpp|h|c|py|sh)$", "", name) for name in names}
    for stem in sorted({pathlib.PurePath(f).stem for f in files if folder_of(f) == folder_of(path) and f.endswith(SOURCE_ENDINGS)}):
        if not any(fnmatch.fnmatch(stem, name) for name in stems if name.strip("*")):
            yield 1, f"a folder's README names its sources: `{stem}` is missing"


def named_files(lines):
    """(line number, name): what looks like a file, and whatever a table of files has in its first cell."""
    in_table = False
    for number, line in enumerate(lines, 1):
        if re.match(r"\| (files?|room|folder) \|", line):
            in_table = True
        elif not line.startswith("|"):
            in_table = False
        elif in_table and not line.startswith("|---"):
            yield from ((number, name) for name in CODE.findall(line.split("|")[1]))
        if not line.startswith("    "):
            yield from ((number, name) for code in CODE.findall(line) for name in FILE.findall(code))


def files_that_are_not_there(path, lines, files):
    """In the README's folder, below it, or anywhere by as much of the path as it says. `_test.cpp` is an ending, NAME what a reader puts there."""
    paths = set(files) | {str(parent) for f in files for parent in pathlib.PurePath(f).parents}
    told = set()
    for number, name in named_files(lines):
        if name.startswith(("/", "$", "-")) or "NAME" in name or " " in name or (number, name) in told:
            continue
        told.add((number, name))
        name = re.sub(r"^(\.\./)+|/$", "", name)
        patterns = ("*" + name,) if name.startswith("_") else (name, name + ".*", "*/" + name, "*/" + name + ".*")
        if not any(fnmatch.fnmatch(one, pattern) for pattern in patterns for one in paths):
            yield number, f"`{name}` is no file of this repository"


def anchors(text):
    """What a link may name behind its #, as GitHub makes it of headings."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings} | set(re.findall(r'<a name="([^"]+)">', text))


def dead_links(path, lines, read):
    """`read(path)` is a file's text, empty for a folder; None: there is none."""
    for number, line in enumerate(lines, 1):
        for link in LINK.findall(CODE.sub("", line)):
            target, _, anchor = link.partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            parts = pathlib.PurePosixPath(folder_of(path), target).parts if target else pathlib.PurePosixPath(path).parts
            real = []
            for part in parts:
                real = real[:-1] if part == ".." else [*real, part]
            text = read("/".join(real))
            if text is None or (anchor and anchor not in anchors(text)):
                yield number, f"{link} leads nowhere"


def paragraphs(lines):
    """(number of its first line, text) of each; a heading, a list's entry and a bold beginning are one of their own."""
    number, text = 0, ""
    for at, line in enumerate([*lines, ""], 1):
        begins = line.startswith(("#", "- ", "**"))
        if text and (not line or begins):
            yield number, text
            text = ""
        if line:
            number, text = (at, line) if not text else (number, text + " " + line)
        if line.startswith("#"):
            yield number, text
            text = ""


def loose_decisions(path, lines):
    """`**Title.** Context: … Choice: … What would change our mind: …`, each a paragraph below `## Decisions`."""
    inside = False
    for number, text in paragraphs(lines):
        missing = [part.strip() for part in DECISION_PARTS if part not in text]
        if text.startswith("## "):
            inside = text == "## Decisions"
        elif text.split()[0].strip("*:") == "Decisions":
            yield number, "decisions stand below `## Decisions`"
        elif inside and (text.startswith("- ") or (text.startswith("**") and missing)):
            yield number, f"a decision is a paragraph `**Title.** {' … '.join(DECISION_PARTS)}…`"


def findings(files, read):
    """`read(path)` is a document's text, as dead_links has it."""
    for path in files:
        if not path.endswith(".md") or path == "CHANGELOG.md":  # which speaks of what was
            continue
        lines = read(path).splitlines()
        found = [*files_that_are_not_there(path, lines, files), *dead_links(path, lines, read)]
        if pathlib.PurePath(path).name == "README.md":
            found += [*unnamed_sources(path, lines, files), *loose_decisions(path, lines)]
        yield from (f"{path}:{number}: {text}" for number, text in sorted(found))
