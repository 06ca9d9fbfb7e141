"""Runs `vouch run` once, and reads its JSON report."""

import json
import os
import subprocess
import tempfile

from .report import printable

_STDERR_TAIL = 4_000

_MEANING = {
    2: "Vouch does not accept its arguments or a file",
    3: "the harness or its environment failed; the run says nothing about the build",
    130: "the run was interrupted",
}
"""The exit codes with which a run says nothing about the build."""


class VouchError(Exception):
    """The run said nothing about the build. The text says why."""


class Run:
    """A run with a report. `stderr` is the end of its standard error."""

    def __init__(self, exit_code, report, stderr):
        self.exit_code = exit_code
        self.report = report
        self.stderr = stderr


def run(binary, arguments, folder):
    """Runs the suite in this folder. Raises a `VouchError` where the run says nothing about the build."""
    with tempfile.TemporaryDirectory(prefix="pytest-vouch-") as temporary:
        path = os.path.join(temporary, "report.json")
        command = [binary, "run", "--ci", *arguments, "--report", f"json={path}"]
        with tempfile.TemporaryFile() as errors:
            exit_code = _exit_code(command, folder, errors)
            errors.seek(0)
            stderr = printable(errors.read().decode("utf-8", "replace")[-_STDERR_TAIL:].strip())
        if exit_code in _MEANING or exit_code < 0:
            meaning = _MEANING.get(exit_code, f"it was killed by the signal {-exit_code}")
            raise VouchError(f"vouch run: {meaning} (exit code {exit_code})\n{stderr}\ncommand: {' '.join(command)}")
        return Run(exit_code, _report(path, command, exit_code, stderr), stderr)


def _exit_code(command, folder, errors):
    try:
        return subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, check=False
        ).returncode
    except OSError as error:
        raise VouchError(
            f"cannot start `{command[0]}`: {error.strerror}. Install Vouch, or name its program with the environment variable VOUCH, "
            "the option --vouch-binary or the setting vouch_binary"
        ) from None


def _report(path, command, exit_code, stderr):
    try:
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        report["summary"]["clauses"], report["cases"], report["outcome"]
        return report
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VouchError(
            f"vouch run ended with exit code {exit_code} and without a report that can be read "
            f"({type(error).__name__}: {error})\n{stderr}\ncommand: {' '.join(command)}"
        ) from None
