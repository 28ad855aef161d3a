#!/usr/bin/env python3
"""The house's rules as a test: sizes, names, who may include whom, and that folders and headers explain themselves.

Prints one line per finding, `file:line: what is wrong`, and fails if there is any. Rules are the functions below that
take (path, lines); tests/style/style_rules_test.py shows each of them a file that breaks it.
"""

import fnmatch
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import readmes  # noqa: E402  (beside this file)

FUNCTION_LINES = 70
FILE_LINES = 600
CLASS_LINES = 600
CLASS_MEMBERS = 20
CLASS_FILES = 2
SOURCES = ("*.cpp", "*.h", "*.c", "*.py", "*.sh")

# Which of Weir's own folders a folder may include, with what is in them: the longest matching name counts. Tests and
# bench may include all.
MAY_INCLUDE = {
    "base": ["base"],
    "wire": ["base", "wire"],
    "capture/event": ["base", "capture/event"],
    "capture/sql": ["base", "capture/sql", "capture/event"],
    "capture/session": ["base", "capture", "wire"],
    "capture/journal": ["base", "capture"],
    "capture": ["base", "capture", "wire"],
    "emitters": ["base", "emitters", "capture/event"],
    "proxy/process": ["base", "proxy/process", "capture/event"],
    "proxy/io": ["base", "proxy/io", "proxy/process", "wire"],
    "proxy/settings": ["base", "proxy/settings", "proxy/io", "emitters", "capture/journal"],
    "proxy/doubt": ["base", "proxy/doubt", "proxy/settings", "proxy/io", "proxy/process", "capture", "wire"],
    "proxy/auth": ["base", "proxy/auth", "proxy/doubt", "proxy/settings", "proxy/io", "proxy/process", "wire"],
    "proxy/hosts": ["base", "proxy/hosts", "proxy/doubt", "proxy/settings", "proxy/io", "proxy/process"],
    "proxy/commit": ["base", "proxy/commit", "proxy/counts", "proxy/doubt", "proxy/io", "proxy/process", "capture", "wire"],
    "proxy/delivery": ["base", "proxy/delivery", "proxy/commit", "proxy/counts", "proxy/settings", "proxy/process", "capture",
                       "emitters"],
    "proxy/tracing": ["base", "proxy/tracing", "proxy/process", "capture/event", "capture/journal"],
    "proxy/check": ["base", "proxy/check", "proxy/doubt", "proxy/settings", "proxy/io", "capture", "emitters", "wire"],
    "proxy/command": ["base", "proxy/command", "proxy/admin", "proxy/check", "proxy/delivery", "proxy/doubt", "proxy/settings",
                      "proxy/io", "proxy/process", "capture", "emitters"],
    "proxy/takeover": ["base", "proxy/takeover", "proxy/io", "proxy/process"],
    "proxy/counts": ["base", "proxy/counts", "proxy/process", "capture/event", "capture/journal"],
    "proxy/admin": ["base", "proxy/admin", "proxy/counts", "proxy/io", "proxy/process", "capture/event", "wire"],
    "proxy/tail": ["base", "proxy/tail", "proxy/admin", "proxy/commit", "proxy/process", "capture", "emitters"],
    "proxy": ["base", "proxy", "capture", "emitters", "wire"],
}

# Where a third-party library's headers may be included.
CONFINED = [
    (r"(pg_query|postgres\.h|nodes/|parser/|utils/|mb/)", ["capture/sql/parse_tree.h", "capture/sql/libpg_query/*"]),
    (r"sqlite3\.h", ["capture/journal*"]),
    (r"(librdkafka/|rdkafka)", ["emitters/kafka*"]),
    (r"yaml-cpp/", ["proxy/settings/config*"]),
    (r"openssl/", ["proxy/io/tls*", "proxy/io/transport*", "wire/sha256.cpp"]),  # sha256: hashes of bytes, nothing else
    (r"libpq", ["proxy/doubt/libpq.cpp", "proxy/settings/upstream_uri_parse.cpp"]),
    (r"spdlog/", ["proxy/process/log.cpp"]),
    (r"curl/", ["emitters/http*", "proxy/tracing/collector_connection.cpp"]),
    (r"boost/asio", ["proxy/io/*", "proxy/admin/admin_server.cpp", "proxy/admin/admin_connection.*"]),
    (r"boost/beast", ["proxy/admin/admin_connection.*"]),
    (r"boost/json", ["capture/*", "emitters/*", "proxy/doubt/outcome_lookup.cpp", "proxy/settings/schema.cpp",
                     "proxy/check/*", "proxy/command/stats_reading.cpp"]),
]

# Classes that are larger than a class may be, each with what keeps it from being cut.
LARGE_CLASSES = {
    "weir::capture::SegmentLog": "one log under one lock; writing, syncing and keeping have a file each",
    "weir::capture::Stream": "one state, the order of transactions; gaps, letters and checkpoints are to be parts",
    "weir::proxy::Committer": "one queue under one lock, and the thread that takes from it",
    "weir::proxy::DeliveryLoop": "what is read, a slice, the pace and a trouble are to be parts",
}

FORBIDDEN_NAMES = re.compile(r"^\s*(?:class|struct)\s+(\w*(?:Impl|Manager|Helper|Util|Utils))\b")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
NO_FUNCTION = re.compile(r"^\s*(namespace|class|struct|enum|union|extern|if|for|while|switch|else|do|try|return)\b|=\s*\{$")


def own_folders():
    return sorted(MAY_INCLUDE, key=len, reverse=True)


def check_file_size(path, lines):
    if len(lines) > FILE_LINES:
        yield 1, f"{len(lines)} lines; a file has at most {FILE_LINES}"


def cpp_functions(lines):
    """(first, last) line numbers of functions: formatted code closes a block with a brace under its first line."""
    start = 0  # first line of the declaration that is being read
    end_of_function = 0
    for number, line in enumerate(lines):
        text = line.rstrip()
        if number < end_of_function or not text or text.lstrip().startswith(("//", "#")) or text.endswith((";", "}", ":")):
            start = number + 1
        elif text.endswith("{"):
            declaration = " ".join(lines[start:number + 1])
            closing = lines[start][:len(lines[start]) - len(lines[start].lstrip())] + "}"
            if ")" in declaration and not NO_FUNCTION.search(declaration):
                last = next((i for i in range(number + 1, len(lines)) if lines[i].startswith(closing)), number)
                yield start + 1, last + 1
                end_of_function = last + 1
            start = number + 1


def python_functions(lines):
    for number, line in enumerate(lines):
        found = re.match(r"(\s*)def ", line)
        if not found:
            continue
        last = number
        for following in range(number + 1, len(lines)):
            text = lines[following]
            if text.strip() and len(text) - len(text.lstrip()) <= len(found.group(1)) and not text.startswith(")"):
                break
            last = following if text.strip() else last
        yield number + 1, last + 1


def check_function_size(path, lines):
    functions = python_functions if path.endswith(".py") else cpp_functions
    for first, last in functions(lines) if path.endswith((".py", ".cpp", ".h", ".c")) else ():
        if last - first + 1 > FUNCTION_LINES:
            yield first, f"a function of {last - first + 1} lines; it has at most {FUNCTION_LINES}"


def check_includes(path, lines):
    folder = next((f for f in own_folders() if path.startswith(f + "/")), None)
    for number, line in enumerate(lines, 1):
        found = INCLUDE.match(line)
        if not folder or not found:
            continue
        included = found.group(1)
        target = next((f for f in own_folders() if included.startswith(f + "/")), None)
        allowed = MAY_INCLUDE[folder]
        if target and not any(included.startswith(a + "/") for a in allowed):
            yield number, f"{folder} must not include {included} (only {', '.join(allowed)})"
        for library, places in CONFINED:
            if not target and re.match(library, included) and not any(fnmatch.fnmatch(path, p) for p in places):
                yield number, f"{included} may be included only in {', '.join(places)}"


def check_header(path, lines):
    if not path.endswith(".h"):
        return
    if "#pragma once" not in lines:
        yield 1, "a header has `#pragma once`"
    contract = next((i for i, line in enumerate(lines) if not line.startswith("//")), len(lines))
    if contract < 1:
        yield 1, "a header opens with its contract, a comment that says what it is"


def check_names(path, lines):
    name = pathlib.PurePath(path).name
    if path.endswith((".cpp", ".h", ".c", ".py", ".sh")) and not re.fullmatch(r"[a-z0-9_]+\.\w+", name):
        yield 1, "file names are snake_case"
    for number, line in enumerate(lines, 1):
        found = FORBIDDEN_NAMES.match(line)
        if found:
            yield number, f"{found.group(1)}: name it after what it does"


CAUSE_IN_WORDS = re.compile(r'\.cause = "|\b(?:as_gap|make_gaps|add_gap)\(.*"[a-z][a-z ]{2,}')


def check_gap_causes(path, lines):
    """The causes of gaps are event::GapCause: consumers, metrics and README.md's table know no others."""
    for number, line in enumerate(lines, 1):
        if path.startswith(("capture/", "proxy/")) and CAUSE_IN_WORDS.search(line):
            yield number, "the cause of a gap is one of event::GapCause"


DOCUMENT = re.compile(r"(?<![\w/*.-])((?:[\w-]+/)*[\w-]+\.md)\b")
NOTES = re.compile(r"\b(?:FACTS|EVENTS|DESIGN|STYLE)\b(?!\w)")


def check_documents(path, lines):
    """Who reads a comment has this repository and nothing else."""
    if not path.endswith((".cpp", ".h")):
        return
    here = pathlib.PurePath(path).parent
    for number, line in enumerate(lines, 1):
        comment = line.partition("//")[2]
        for name in DOCUMENT.findall(comment):
            if not any((ROOT / folder / name).is_file() for folder in (here, "", *here.parents)):
                yield number, f"{name} is no document of this repository"
        if NOTES.search(comment):
            yield number, "a comment says what it means itself, without the notes of who wrote it"


RULES = [check_file_size, check_function_size, check_includes, check_header, check_names, check_gap_causes, check_documents]


def folders_without_readme(files):
    """Folders of the house, and all others that hold sources or are an example, that do not explain themselves."""
    folders = {f.split("/")[0] for f in files if "/" in f and not f.startswith(".")}
    folders |= {f.rpartition("/")[0] for f in files if f.endswith((".cpp", ".h", ".py")) and "/" in f}
    folders |= {"/".join(f.split("/")[:2]) for f in files if f.startswith("examples/") and f.count("/") > 1}
    return sorted(f for f in folders if f + "/README.md" not in files)


def namespace_classes(lines):
    """(line number, qualified name) of classes, structs and enums that other files can see: none of `namespace {`."""
    namespaces = []
    for number, line in enumerate(lines, 1):
        if opened := re.match(r"(?:inline )?namespace ?([\w:]*) ?\{", line):
            namespaces.append(opened.group(1))
        elif line.startswith("}  // namespace"):
            namespaces.pop()
        elif (found := re.match(r"(?:class|struct|enum(?: class)?) (\w+)(?!\w|::)[^;]*$", line)) and "" not in namespaces:
            yield number, "::".join([*namespaces, found.group(1)])


def linked_together(one, other):
    """Every test program has the house's own folders in it, but none of the other folders of tests."""
    tests = [path.rpartition("/")[0] for path in (one, other) if path.startswith("tests/")]
    return len(tests) < 2 or tests[0] == tests[1]


def names_of_two_classes(texts):
    """Two classes of one name in one namespace are one class to the linker, which then runs one's code on the other."""
    places = {}
    for path, lines in texts.items():
        for number, name in namespace_classes(lines) if path.endswith((".cpp", ".h")) else ():
            for other in places.setdefault(name, []):
                if linked_together(path, other):
                    yield f"{path}:{number}: {name} is another class in {other}"
            places[name].append(path)


class Class:
    """What one class is made of, over all the files that it is in."""

    def __init__(self):
        self.place = None  # path:line of its definition
        self.lines = 0     # of bodies
        self.members = 0   # data members
        self.files = set()  # that have definitions of its methods, but for those inside of the class

    def excess(self):
        if self.lines > CLASS_LINES:
            yield f"{self.lines} lines of bodies; a class has at most {CLASS_LINES}"
        if self.members > CLASS_MEMBERS:
            yield f"{self.members} members; a class has at most {CLASS_MEMBERS}"
        if len(self.files) > CLASS_FILES:
            yield f"methods in {len(self.files)} files; those of a class are in at most {CLASS_FILES}"


METHOD = re.compile(r"^(?:[\w:<>,&*\s\[\]\"]*[\s&*])?((?:\w+::)+)(?:~?\w+|operator\W+)\(")
NO_MEMBER = re.compile(r"  (?:using|return|friend|static|typedef|explicit|virtual|enum|struct|class) ")


def is_member(line):
    """A declaration of data, directly in a class."""
    code = line.partition("//")[0].rstrip()
    while (shorter := re.sub(r"<[^<>]*>", "", code)) != code:
        code = shorter
    declared = re.split(r"[={;]", code)[0]
    return bool(re.match(r"  \S.*\s\S*\w", declared)) and code.endswith(";") and "(" not in declared and \
        not NO_MEMBER.match(line) and "operator" not in declared


def classes(texts):
    """Classes by their qualified names: also structs that make their own parts, but none that are only data. Those of
    tests play many parts, and are not looked at."""
    found = {}
    for path, lines in texts.items():
        if not path.endswith((".cpp", ".h")) or path.startswith(("tests/", "bench/", "examples/")):
            continue
        scope, inside = [], None
        for number, line in enumerate(lines, 1):
            if opened := re.match(r"(?:inline )?namespace ?([\w:]*) ?\{", line):
                scope.append(opened.group(1) or path)
            elif line.startswith("}  // namespace"):
                scope.pop()
            elif (defined := re.match(r"(class|struct) (\w+)(?!\w|::)[^;]*$", line)) and not line.endswith(("}", ");")):
                name = defined.group(2)
                inside = found.setdefault("::".join([*scope, name]), Class())
                inside.place = f"{path}:{number}" if defined.group(1) == "class" else None
            elif line.startswith("}"):
                inside = None
            elif inside and re.match(rf"  (?:explicit )?{name}\(", line):
                inside.place = inside.place or f"{path}:{number}"
            elif inside and is_member(line):
                inside.members += 1
        for name, size in method_sizes(lines, path):
            found.setdefault(name, Class()).lines += size
            found[name].files.add(path)
    return {name: one for name, one in found.items() if one.place}


def method_sizes(lines, path):
    """(qualified name of the class, lines) of each function that is defined outside of its class."""
    scope = []
    functions = dict(cpp_functions(lines))
    for number, line in enumerate(lines, 1):
        if opened := re.match(r"(?:inline )?namespace ?([\w:]*) ?\{", line):
            scope.append(opened.group(1) or path)
        elif line.startswith("}  // namespace"):
            scope.pop()
        elif number in functions:
            first = next(i for i in range(number - 1, len(lines)) if not lines[i].startswith("//"))
            if method := METHOD.match(" ".join(lines[first:first + 4])):
                yield "::".join([*scope, method.group(1)[:-2]]), functions[number] - first


def classes_that_do_too_much(texts, large=None):
    large = LARGE_CLASSES if large is None else large
    found = classes(texts)
    for name, one in found.items():
        for excess in one.excess():
            if name not in large:
                yield f"{one.place}: {name.rpartition('::')[2]} has {excess}"
    for name in large:
        if name not in found or not list(found[name].excess()):
            yield f"{name} is not too large (any more): take it out of LARGE_CLASSES"


def document(path):
    """A document's text, empty for anything else that is there."""
    place = ROOT / path
    return place.read_text(encoding="utf-8") if path.endswith(".md") and place.is_file() else "" if place.exists() else None


def main():
    listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True,
                             text=True, check=True)
    files = sorted(f for f in listing.stdout.splitlines() if (ROOT / f).is_file())
    findings = [f"{folder}: a folder has a README.md" for folder in folders_without_readme(files)]
    checked = [f for f in files if any(fnmatch.fnmatch(f, pattern) for pattern in SOURCES)]
    texts = {path: (ROOT / path).read_text(encoding="utf-8").splitlines() for path in checked}
    findings += names_of_two_classes(texts)
    findings += classes_that_do_too_much(texts)
    findings += readmes.findings(files, document)
    for path, lines in texts.items():
        for rule in RULES:
            findings += [f"{path}:{number}: {text}" for number, text in rule(path, lines)]
    print("\n".join(findings))
    print(f"{len(checked)} files, {len(findings)} findings")
    return 1 if findings or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
