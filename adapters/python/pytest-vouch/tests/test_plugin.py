"""The plugin in a pytest of its own, with a stand-in for Vouch; the last test has the real program, if $VOUCH names it."""

import json
import os
from pathlib import Path

import pytest

FAKE = Path(__file__).with_name("fake_vouch")
REAL = os.environ.get("VOUCH")
FINDING = {
    "clauses": ["MIG-5", "LIF-7"],
    "location": "other-region.yaml:12:5",
    "step": "signIn with $token",
    "expected": "the error incompatible",
    "got": "ok\x1b[31m\u202e",
    "wire": ["  4  sdk → auth\n"],
    "stderr": "",
    "advice": "Compare the region.",
}


def case(name, verdict, clause, detail):
    return {"id": name, "title": f"The case {name}", "verdict": verdict, "proves": [clause], "detail": detail}


CASES = [
    case("region[eu]", "failed", "MIG-5", [FINDING]),
    case("region[us]", "failed", "MIG-5", [FINDING]),
    case("lock", "skipped", "PER-6", "the SDK does not claim storageLock"),
    case("behind", "notReached", "PER-6", {"becauseOf": "region[eu]", "clauses": ["MIG-5"], "setup": FINDING}),
    case("fine", "passed", "EXC-1", None),
]


class Vouch:
    """The stand-in, and a pytest that is run with it."""

    def __init__(self, pytester, monkeypatch):
        self.pytester, self.monkeypatch = pytester, monkeypatch
        self.target = pytester.makefile(".toml", vouch='[sdk]\nname = "x"\n')
        self.calls_file = pytester.path / "calls"
        monkeypatch.setenv("VOUCH", str(FAKE))
        monkeypatch.setenv("FAKE_CALLS", str(self.calls_file))

    def reports(self, *clauses, exit_code=0, outcome="conforms", cases=CASES):
        fields = [{"id": i, "level": level, "text": "It is so.", "status": status} for i, level, status in clauses]
        report = {"outcome": outcome, "summary": {"clauses": fields}, "cases": cases}
        self.monkeypatch.setenv("FAKE_REPORT", json.dumps(report))
        self.monkeypatch.setenv("FAKE_EXIT_CODE", str(exit_code))

    def run(self, *arguments):
        return self.pytester.runpytest("-p", "no:cacheprovider", *arguments)

    @property
    def calls(self):
        return [json.loads(line) for line in self.calls_file.read_text().splitlines()]


@pytest.fixture
def vouch(pytester, monkeypatch):
    return Vouch(pytester, monkeypatch)


def test_each_clause_is_a_test_and_the_program_runs_once(vouch):
    vouch.reports(
        ("EXC-1", "must", "satisfied"),
        ("ISS-1", "must", "notApplicable"),
        ("MIG-5", "must", "violated"),
        ("PER-6", "should", "notTested"),
        ("KEY-1", "must", "waived"),
        ("KEY-2", "must", "knownFailing"),
        exit_code=1,
        outcome="doesNotConform",
    )
    vouch.pytester.makepyfile(test_mine="def test_mine(): pass")
    result = vouch.run("-v", "-rA", "--vouch-target", "vouch.toml", "test_mine.py")
    result.assert_outcomes(passed=2, failed=2, skipped=1, xfailed=2)
    result.stdout.fnmatch_lines(
        [
            "test_mine.py::test_mine PASSED*",
            "vouch.toml::EXC-1 PASSED*",
            "vouch.toml::MIG-5 FAILED*",
            "vouch.toml::PER-6 SKIPPED*",
            "vouch.toml::KEY-1 XFAIL*",
            "vouch.toml::verdict FAILED*",
        ]
    )
    assert len(vouch.calls) == 1
    assert vouch.calls[0][:4] == ["run", "--ci", "--target", str(vouch.target)]


@pytest.mark.parametrize("ci", ["", "true"])  # where CI is set, pytest does not cut the lines of its summary
def test_a_violated_clause_has_its_findings_those_of_one_cause_once_and_no_control_characters(vouch, monkeypatch, ci):
    monkeypatch.setenv("CI", ci)
    vouch.reports(("MIG-5", "must", "violated"), exit_code=1, outcome="doesNotConform")
    result = vouch.run("--vouch-target", "vouch.toml")
    text = result.stdout.str()
    result.stdout.fnmatch_lines(
        [
            "*MIG-5 (must) It is so.*",
            "region[[]eu]: The case region[[]eu]",
            "other-region.yaml:12:5: signIn with $token",
            "expected  the error incompatible",
            "got       ok\\u{1b}[[]31m\\u{202e}",
            "last exchanges:",
            "  4  sdk → auth",
            "advice: Compare the region.",
            "also in region[[]us]",
            "vouch run: the build does not conform (exit code 1)",
        ]
    )
    assert "\x1b[31m" not in text and "Traceback" not in text and text.count("expected  the error") == 1


def test_a_clause_that_was_not_tested_is_skipped_with_each_reason(vouch):
    vouch.reports(("PER-6", "should", "notTested"))
    vouch.run("-rs", "--vouch-target", "vouch.toml").stdout.fnmatch_lines(
        ["SKIPPED*the SDK does not claim storageLock; behind: not reached because of region[[]eu]"]
    )


def test_a_violated_should_clause_warns_and_with_strict_fails(vouch):
    vouch.reports(("LIF-7", "should", "violated"))
    result = vouch.run("--vouch-target", "vouch.toml")
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(["*VouchWarning: LIF-7 (should) It is so.*", "*other-region.yaml:12:5*"])
    vouch.run("--vouch-target", "vouch.toml", "-W", "error::pytest_vouch.VouchWarning").assert_outcomes(passed=1, failed=1)
    vouch.run("--vouch-target", "vouch.toml", "--vouch-strict").assert_outcomes(passed=1, failed=1)
    assert "--strict" in vouch.calls[2] and "--strict" not in vouch.calls[0]


def test_clauses_are_selected_by_id_and_by_markers(vouch):
    vouch.reports(("MIG-5", "must", "satisfied"), ("LIF-7", "should", "satisfied"))
    for selection, passed in (
        (["--vouch-target", "vouch.toml", "-k", "MIG-5"], 1),
        (["--vouch-target", "vouch.toml", "-m", "vouch_should"], 1),
        (["--vouch-target", "vouch.toml", "-m", "vouch"], 3),
        (["vouch.toml"], 3),
        (["vouch.toml::LIF-7"], 1),
    ):
        vouch.run(*selection).assert_outcomes(passed=passed, deselected=(3 - passed if "::" not in selection[0] else 0))


def test_options_and_settings_reach_the_program(vouch):
    vouch.reports(("MIG-5", "must", "satisfied"))
    vouch.monkeypatch.delenv("VOUCH")
    vouch.pytester.makeini(
        f"[pytest]\nvouch_binary = {os.path.relpath(FAKE, vouch.pytester.path)}\nvouch_args = --profile gcip\n"
        "addopts = --vouch-target=vouch.toml\nvouch_strict = true"
    )
    vouch.run("--vouch-filter", "MIG", "--vouch-filter", "two words; $(x)", "--vouch-arg=--jobs=1").assert_outcomes(passed=2)
    arguments = vouch.calls[0][2:-2]
    assert arguments == [
        "--target", str(vouch.target), "--filter", "MIG", "--filter", "two words; $(x)", "--strict", "--profile", "gcip", "--jobs=1",
    ]  # fmt: skip


def test_a_target_of_the_settings_is_for_runs_that_name_no_files(vouch):
    vouch.reports(("MIG-5", "must", "satisfied"))
    vouch.pytester.makepyfile(test_mine="def test_mine(): pass")
    vouch.pytester.makeini("[pytest]\nvouch_target = vouch.toml")
    vouch.run().assert_outcomes(passed=3)
    vouch.run("test_mine.py").assert_outcomes(passed=1)
    vouch.run("test_mine.py", "--vouch-target", "vouch.toml").assert_outcomes(passed=3)
    vouch.monkeypatch.chdir(vouch.pytester.mkdir("below"))
    vouch.run("--rootdir=..", "-c", "../tox.ini").assert_outcomes(passed=2)
    assert len(vouch.calls) == 3


def test_a_run_that_fails_without_a_clause_says_why_in_the_verdict(vouch):
    crash = {**FINDING, "clauses": [], "got": "the adapter exited"}
    vouch.reports(exit_code=1, outcome="doesNotConform", cases=[case("crash", "failed", "EXC-1", [crash])])
    result = vouch.run("--vouch-target", "vouch.toml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["vouch run: the build does not conform*", "crash: The case crash", "got       the adapter exited"])


@pytest.mark.parametrize(
    "environment, words",
    [
        ({"VOUCH": "/no/such/vouch"}, "cannot start `/no/such/vouch`: No such file or directory. Install Vouch*"),
        ({"FAKE_EXIT_CODE": "2"}, "vouch run: Vouch does not accept its arguments or a file (exit code 2)"),
        ({"FAKE_EXIT_CODE": "3"}, "vouch run: the harness or its environment failed*(exit code 3)"),
        ({"FAKE_EXIT_CODE": "1", "FAKE_REPORT": "{"}, "vouch run ended with exit code 1 and without a report that can be read*"),
        ({"FAKE_REPORT": "[]"}, "vouch run ended with exit code 0 and without a report*"),
    ],
)
def test_a_run_that_says_nothing_is_one_clear_error_and_other_tests_run(vouch, environment, words):
    for name, value in {"FAKE_STDERR": "the end of \x1b[2Jits output", **environment}.items():
        vouch.monkeypatch.setenv(name, value)
    vouch.pytester.makepyfile(test_mine="def test_mine(): pass")
    result = vouch.run("--vouch-target", "vouch.toml", "test_mine.py")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines([words])
    if "VOUCH" not in environment:
        result.stdout.fnmatch_lines(["the end of \\u{1b}[[]2Jits output"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED and "Traceback" not in result.stdout.str()


def test_a_target_that_is_not_there_is_a_usage_error(vouch):
    result = vouch.run("--vouch-target", "missing.toml")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--vouch-target or vouch_target: there is no file *missing.toml"])


def test_nothing_runs_without_a_target_and_when_tests_are_only_listed(vouch):
    vouch.pytester.makepyfile(test_mine="def test_mine(): pass")
    vouch.run().assert_outcomes(passed=1)
    vouch.run("--vouch-target", "vouch.toml", "--collect-only", "-q").stdout.fnmatch_lines(["vouch.toml::verdict"])
    assert not vouch.calls_file.exists()


def test_a_junit_report_of_pytest_names_clause_level_and_status(vouch):
    vouch.reports(("LIF-7", "should", "violated"))
    vouch.run("--vouch-target", "vouch.toml", "--junit-xml", "junit.xml")
    text = (vouch.pytester.path / "junit.xml").read_text()
    assert 'name="vouch_status" value="violated"' in text and 'name="LIF-7"' in text


@pytest.mark.skipif(REAL is None, reason="the environment variable VOUCH names no program")
def test_the_real_program_shows_the_clauses_of_the_worked_sdk(pytester, monkeypatch):
    monkeypatch.setenv("VOUCH", os.path.abspath(REAL))
    target = Path(__file__).resolve().parents[2] / "vouch.toml"
    result = pytester.runpytest("-v", "-p", "no:cacheprovider", f"--vouch-target={target}", "--vouch-filter=first-sign-in")
    result.stdout.fnmatch_lines(["*vouch.toml::EXC-1 PASSED*", "*vouch.toml::verdict PASSED*"])
    assert result.ret == 0
