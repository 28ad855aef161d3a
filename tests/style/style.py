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
FUNCTION_LINES = 70
FILE_LINES = 600
SOURCES = ("*.cpp", "*.h", "*.c", "*.py", "*.sh")

# Which of Weir's own folders a folder may include, with what is in them: the longest matching name counts. Tests and
# bench may include all.
MAY_INCLUDE = {
    "base": ["base"],
    "wire": ["base", "wire"],
    "capture/event": ["base", "capture/event"],
    "capture/session": ["base", "capture", "wire"],
    "capture/journal": ["base", "capture"],
    "capture": ["base", "capture", "wire"],
    "emitters": ["base", "emitters", "capture/event"],
    "proxy/process": ["base", "proxy/process"],
    "proxy/io": ["base", "proxy/io", "proxy/process", "wire"],
    "proxy/settings": ["base", "proxy/settings", "proxy/io", "emitters", "capture/journal"],
    "proxy/doubt": ["base", "proxy/doubt", "proxy/settings", "proxy/io", "proxy/process", "capture", "wire"],
    "proxy/auth": ["base", "proxy/auth", "proxy/doubt", "proxy/settings", "proxy/io", "proxy/process", "wire"],
    "proxy/commit": ["base", "proxy/commit", "proxy/doubt", "proxy/io", "proxy/process", "capture", "wire"],
    "proxy/delivery": ["base", "proxy/delivery", "proxy/commit", "proxy/settings", "proxy/process", "capture",
                       "emitters"],
    "proxy/check": ["base", "proxy/check", "proxy/doubt", "proxy/settings", "proxy/io", "capture", "emitters", "wire"],
    "proxy/command": ["base", "proxy/command", "proxy/check", "proxy/delivery", "proxy/doubt", "proxy/settings",
                      "proxy/process", "capture", "emitters"],
    "proxy/counts": ["base", "proxy/counts", "proxy/process", "capture/event", "capture/journal"],
    "proxy/admin": ["base", "proxy/admin", "proxy/counts", "proxy/io", "proxy/process", "capture/event"],
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
    (r"curl/", ["emitters/http*"]),
    (r"boost/asio", ["proxy/io/*", "proxy/admin/admin_server.cpp"]),
    (r"boost/beast", ["proxy/admin/admin_server.cpp"]),
    (r"boost/json", ["capture/*", "emitters/*", "proxy/doubt/inquiry.cpp", "proxy/settings/schema.cpp",
                     "proxy/check/*"]),
]

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


RULES = [check_file_size, check_function_size, check_includes, check_header, check_names, check_gap_causes]


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


def main():
    listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True,
                             text=True, check=True)
    files = sorted(f for f in listing.stdout.splitlines() if (ROOT / f).is_file())
    findings = [f"{folder}: a folder has a README.md" for folder in folders_without_readme(files)]
    checked = [f for f in files if any(fnmatch.fnmatch(f, pattern) for pattern in SOURCES)]
    texts = {path: (ROOT / path).read_text(encoding="utf-8").splitlines() for path in checked}
    findings += names_of_two_classes(texts)
    for path, lines in texts.items():
        for rule in RULES:
            findings += [f"{path}:{number}: {text}" for number, text in rule(path, lines)]
    print("\n".join(findings))
    print(f"{len(checked)} files, {len(findings)} findings")
    return 1 if findings or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
