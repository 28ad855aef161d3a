#!/usr/bin/env python3
"""Runs the tests of one or more build folders with ctest and ends with one line: "N passed, N failed".

A GoogleTest program counts by its cases, any other test (a fuzz target, the demo, the style) as one. A program that
ends badly without a failed case (a crash, a leak, a timeout) counts as one failure. Exit code 0 only if something ran
and nothing failed.
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
    """(passed, names of failed cases, skipped) of one GoogleTest report."""
    passed, failed, skipped = 0, [], 0
    for case in xml.parse(result_file).iter("testcase"):
        if case.find("failure") is not None:
            failed.append(f"{case.get('classname')}.{case.get('name')}")
        elif case.find("skipped") is not None or case.get("result") == "skipped":
            skipped += 1
        elif case.get("status") == "run":
            passed += 1
    return passed, failed, skipped


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="labels, as a regular expression: unit, style, integration, fuzz")
    parser.add_argument("--names", help="names of tests, as a regular expression")
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()

    passed, failed, skipped = 0, [], 0
    for folder in arguments.folders:
        for name, well in run_ctest(folder, arguments.only, arguments.names).items():
            result_file = folder / "results" / f"{name}.xml"
            if not result_file.exists():
                passed += well
                failed += [] if well else [name]
                continue
            case_passed, case_failed, case_skipped = count_cases(result_file)
            passed += case_passed
            skipped += case_skipped
            failed += case_failed if case_failed or well else [f"{name} (ended badly)"]
    print()
    for name in failed:
        print(f"failed: {name}")
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {len(failed)} failed")
    return 0 if passed and not failed and not skipped else 1


if __name__ == "__main__":
    sys.exit(main())
