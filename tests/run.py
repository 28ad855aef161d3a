#!/usr/bin/env python3
"""Runs the tests of one or more build folders with ctest and ends with one line: "N passed, N failed".
What a test of packages could not run on this machine is a line of its own, and counted: "N passed, N failed, N skipped".

A GoogleTest program counts by its cases, any other test (a fuzz target, the demo, the style) as one. A program that
ends badly without a failed case (a crash, a leak, a timeout) counts as one failure. Exit code 0 only if something ran
and nothing failed. A folder may have labels of its own: `build-dev=unit`.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import xml.etree.ElementTree as xml


def run_ctest(folder, only, names):
    """Runs ctest there; returns {test name: passed}."""
    shutil.rmtree(folder / "results", ignore_errors=True)
    report = folder / "ctest.xml"
    report.unlink(missing_ok=True)
    command = ["ctest", "--test-dir", str(folder), "--output-on-failure", "--no-tests=ignore",
               "--parallel", str(os.cpu_count() or 1), "--output-junit", str(report.resolve())]
    if only:
        command += ["--label-regex", only]
    if names:
        command += ["--tests-regex", names]
    code = subprocess.run(command).returncode
    if not report.exists():
        return {f"ctest in {folder}": code == 0} if code else {}
    # ctest writes a test's output as it is, so control characters can make the report no XML.
    text = "".join(c for c in report.read_text(errors="replace") if c >= " " or c in "\t\n")
    return {case.get("name"): case.get("status") == "run" for case in xml.fromstring(text).iter("testcase")}


def count_cases(result_file):
    """(passed, names of failed cases, skipped, what this machine lacks) of one report in GoogleTest's form."""
    passed, failed, skipped, lacking = 0, [], 0, []
    report = xml.parse(result_file)
    may_lack = "machine" in report.getroot().attrib  # a test of packages: see tests/packages/support.py
    for case in report.iter("testcase"):
        if case.find("failure") is not None:
            failed.append(f"{case.get('classname')}.{case.get('name')}")
        elif may_lack and case.find("skipped") is not None:
            lacking.append(f"{case.get('classname')}.{case.get('name')}: {case.find('skipped').get('message')}")
        elif case.find("skipped") is not None or case.get("result") == "skipped":
            skipped += 1
        elif case.get("status") == "run":
            passed += 1
    return passed, failed, skipped, lacking


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="labels, as a regular expression: unit, style, integration, fuzz")
    parser.add_argument("--names", help="names of tests, as a regular expression")
    parser.add_argument("folders", nargs="+", metavar="FOLDER[=LABELS]")
    arguments = parser.parse_args()

    passed, failed, skipped, lacking = 0, [], 0, []
    for argument in arguments.folders:
        path, _, labels = argument.partition("=")
        folder = pathlib.Path(path)
        for name, well in run_ctest(folder, labels or arguments.only, arguments.names).items():
            result_file = folder / "results" / f"{name}.xml"
            if not result_file.exists():
                passed += well
                failed += [] if well else [name]
                continue
            case_passed, case_failed, case_skipped, case_lacking = count_cases(result_file)
            lacking += [f"{name}: {line}" for line in case_lacking]
            passed += case_passed
            skipped += case_skipped
            failed += case_failed if case_failed or well else [f"{name} (ended badly)"]
    print()
    for name in failed:
        print(f"failed: {name}")
    for line in lacking:
        print(f"SKIPPED, this machine cannot: {line}")
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {len(failed)} failed" + (f", {len(lacking)} skipped" if lacking else ""))
    return 0 if passed and not failed and not skipped else 1


if __name__ == "__main__":
    sys.exit(main())
