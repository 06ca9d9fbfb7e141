"""The options, the collection of target files, and the tests."""

import os
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

from . import VouchWarning
from .report import clauses, without_clause
from .vouch import VouchError, run

_OUTCOMES = {
    "doesNotConform": "the build does not conform",
    "gateOutdated": "the waivers or known failures are out of date",
    "inconclusive": "inconclusive",
}


def pytest_addoption(parser):
    group = parser.getgroup("vouch", "conformance with Vouch")
    group.addoption(
        "--vouch-target", action="append", default=[], metavar="FILE", help="Run the suite of Vouch against this target file."
    )
    group.addoption(
        "--vouch-filter", action="append", default=[], metavar="WORD", help="Only cases of this group, clause or id."
    )
    group.addoption("--vouch-strict", action="store_true", default=None, help="Violated `should` clauses fail, too.")
    group.addoption("--vouch-binary", metavar="PROGRAM", help="The program. By default $VOUCH, else `vouch` of the PATH.")
    group.addoption(
        "--vouch-arg", action="append", default=[], metavar="ARG", help="A further argument of `vouch run`. May be repeated."
    )
    parser.addini(
        "vouch_target", "Target files, for a run of pytest that names no files to test.", type="paths", default=[]
    )
    parser.addini("vouch_binary", "The program of Vouch; a path with a / is relative to this file.", default="")
    parser.addini("vouch_args", "Further arguments of `vouch run`.", type="args", default=[])
    parser.addini("vouch_strict", "Violated `should` clauses fail, too.", type="bool", default=False)


def pytest_configure(config):
    config.addinivalue_line("markers", "vouch(clause, level): a clause of the suite of Vouch")
    config.addinivalue_line("markers", "vouch_must: a clause of the level `must`")
    config.addinivalue_line("markers", "vouch_should: a clause of the level `should`")
    for path in _targets(config):
        if not path.is_file():
            raise pytest.UsageError(f"--vouch-target or vouch_target: there is no file {path}")


def _targets(config):
    """The target files of the option, else of the setting, each once. Whoever tests one file does not wait for the setting's."""
    folder = config.invocation_params.dir
    targets = [folder / target for target in config.getoption("vouch_target")]
    if not targets and config.args_source is not pytest.Config.ArgsSource.ARGS:
        targets = config.getini("vouch_target")
    return list(dict.fromkeys(Path(os.path.abspath(target)) for target in targets))


def pytest_collect_file(file_path, parent):
    """A target file that is named among the files to test is a file of tests."""
    if file_path.suffix == ".toml" and parent.session.isinitpath(file_path):
        return TargetFile.of(parent, file_path)
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session, config, items):
    """Adds the tests of the target files, before `-k` and `-m` choose among them."""
    collected = {item.path for item in items if isinstance(item, (ClauseTest, Verdict))}
    for path in _targets(config):
        if path not in collected:
            items.extend(session.genitems(TargetFile.of(session, path)))


class TargetFile(pytest.File):
    """A target file. The suite runs once, when it is collected."""

    @classmethod
    def of(cls, parent, path):
        # pytest gives no name to a file outside its root.
        name = os.path.relpath(path, parent.config.rootpath).replace(os.sep, "/")
        return cls.from_parent(parent, path=path, nodeid=name)

    def collect(self):
        if self.config.getoption("collectonly"):
            yield Verdict.from_parent(self, name="verdict")  # what else there is, the run would say
            return
        try:
            if hasattr(self.config, "workerinput"):
                raise VouchError("Vouch was not run: it runs its cases in parallel by itself. Run its target file without -n")
            outcome = self._run()
        except VouchError as error:
            yield Verdict.from_parent(self, name="verdict", error=error)
            return
        strict = _strict(self.config)
        for clause in clauses(outcome.report):
            yield ClauseTest.from_parent(self, name=clause.id, clause=clause, strict=strict)
        yield Verdict.from_parent(self, name="verdict", outcome=outcome)

    def _run(self):
        config = self.config
        arguments = ["--target", str(self.path)]
        for word in config.getoption("vouch_filter"):
            arguments += ["--filter", word]
        if _strict(config):
            arguments.append("--strict")
        arguments += [*config.getini("vouch_args"), *config.getoption("vouch_arg")]
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(f"vouch: runs the suite against {self.nodeid}, which takes some minutes without --vouch-filter")
        return run(_binary(config), arguments, config.rootpath)


def _binary(config):
    """The program, from the most special setting to the most general."""
    named = config.getoption("vouch_binary") or os.environ.get("VOUCH")
    if named:
        return str(Path(config.invocation_params.dir, named)) if os.sep in named else named
    named = config.getini("vouch_binary")
    if os.sep in named:
        return str(Path(config.inipath.parent if config.inipath else config.rootpath, named))
    return named or "vouch"


def _strict(config):
    strict = config.getoption("vouch_strict")
    return config.getini("vouch_strict") if strict is None else strict


class _Failure:
    """A text as the representation of a failure. Its first line is what summaries show, also where pytest cuts none (`CI=true`)."""

    def __init__(self, text):
        self.text = text
        self.reprcrash = SimpleNamespace(message=text.partition("\n")[0])

    def __str__(self):
        return self.text

    def toterminal(self, terminal):
        terminal.line(self.text)


class _Test(pytest.Item):
    def repr_failure(self, excinfo, style=None):
        if isinstance(excinfo.value, pytest.fail.Exception):
            return _Failure(excinfo.value.msg)
        return super().repr_failure(excinfo, style)


class ClauseTest(_Test):
    """One clause."""

    def __init__(self, *, clause, strict, **more):
        super().__init__(**more)
        self.clause = clause
        self.strict = strict
        self.add_marker(pytest.mark.vouch(clause=clause.id, level=clause.level))
        self.add_marker(f"vouch_{clause.level}")
        fields = {"vouch_clause": clause.id, "vouch_level": clause.level, "vouch_status": clause.status}
        self.user_properties.extend(fields.items())

    def runtest(self):
        clause = self.clause
        if clause.status == "satisfied":
            return
        if clause.status == "notTested":
            pytest.skip(clause.text)
        if clause.status in ("waived", "knownFailing"):
            words = {"waived": "waived", "knownFailing": "known failure"}
            pytest.xfail(f"{words[clause.status]}: {clause.text}")
        text = f"{clause.id} ({clause.level}) {clause.requirement}\n\n{clause.text}"
        if clause.status == "violated" and clause.level == "should" and not self.strict:
            warnings.warn(VouchWarning(text), stacklevel=1)
            return
        pytest.fail(text if clause.status == "violated" else f"{text}\nunknown status: {clause.status}", pytrace=False)

    def reportinfo(self):
        return self.path, None, f"{self.clause.id} ({self.clause.level}) {self.clause.requirement}"


class Verdict(_Test):
    """Fails when the run does, also by something that no clause shows."""

    def __init__(self, *, outcome=None, error=None, **more):
        super().__init__(**more)
        self.outcome = outcome
        self.error = error
        self.add_marker("vouch")

    def setup(self):
        if self.error is not None:
            pytest.fail(str(self.error), pytrace=False)

    def runtest(self):
        outcome = self.outcome
        if outcome.exit_code == 0:
            return
        word = outcome.report["outcome"]
        parts = [f"vouch run: {_OUTCOMES.get(word, word)} (exit code {outcome.exit_code})"]
        parts += [without_clause(outcome.report), outcome.stderr]
        pytest.fail("\n\n".join(part for part in parts if part), pytrace=False)

    def reportinfo(self):
        return self.path, None, "the verdict of Vouch"
