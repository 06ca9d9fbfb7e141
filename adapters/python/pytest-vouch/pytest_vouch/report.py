"""What a JSON report of Vouch says about each clause."""

import unicodedata

_MOST_CAUSES = 3

_VERDICTS = {"inDoubt": "in doubt: the machine was late", "knownFailure": "known failure"}


class Clause:
    """One clause of the suite. `status` is that of the report; `text` has its findings, or why it was not tested."""

    def __init__(self, fields, text):
        self.id = fields["id"]
        self.level = fields["level"]
        self.requirement = fields["text"]
        self.status = fields["status"]
        self.text = text


def clauses(report):
    """The clauses that the run applied to."""
    return [
        Clause(fields, _explanation(report["cases"], fields))
        for fields in report["summary"]["clauses"]
        if fields["status"] != "notApplicable"
    ]


def without_clause(report):
    """What fails the run and is shown at no clause: findings that name none, and cases without a verdict."""
    texts = []
    for case in report["cases"]:
        detail = case["detail"]
        if case["verdict"] in ("failed", "inDoubt"):
            texts += [_finding(case, finding) for finding in detail if not finding["clauses"] or case["verdict"] == "inDoubt"]
        elif case["verdict"] in ("badScenario", "harnessFailed"):
            texts.append(f"{case['id']}: {detail}")
    return printable("\n\n".join(_first(texts, "more")))


def _explanation(cases, clause):
    if clause["status"] == "satisfied":
        return ""
    if clause["status"] == "notTested":
        reasons = [_reason(case) for case in cases if clause["id"] in case["proves"] and case["verdict"] != "passed"]
        return printable("; ".join(dict.fromkeys(reasons))) or "not tested"
    causes = {}
    for case in cases:
        for finding in case["detail"] if isinstance(case["detail"], list) else []:
            if clause["id"] in finding["clauses"]:
                key = (finding["step"], finding["expected"], finding["got"])
                causes.setdefault(key, []).append((case, finding))
    texts = []
    for (case, finding), *others in causes.values():
        also = ", ".join(dict.fromkeys(other["id"] for other, _ in others))
        texts.append(_finding(case, finding) + (f"\nalso in {also}" if also else ""))
    return printable("\n\n".join(_first(texts, "more causes")))


def _first(texts, what):
    more = len(texts) - _MOST_CAUSES
    return texts[:_MOST_CAUSES] + ([f"and {more} {what}"] if more > 0 else [])


def _reason(case):
    """Why a case says nothing about its clauses."""
    if case["verdict"] == "skipped":
        return str(case["detail"])
    if case["verdict"] == "notReached":
        return f"{case['id']}: not reached because of {case['detail']['becauseOf']}"
    return f"{case['id']}: {_VERDICTS.get(case['verdict'], case['verdict'])}"


def _finding(case, finding):
    lines = [
        f"{case['id']}: {case['title']}",
        f"{finding['location']}: {finding['step']}",
        f"expected  {finding['expected']}",
        f"got       {finding['got']}",
    ]
    if finding["wire"]:
        lines += ["last exchanges:", *(exchange.rstrip() for exchange in finding["wire"])]
    if finding["stderr"]:
        lines += ["standard error:", finding["stderr"]]
    if finding["advice"]:
        lines.append(f"advice: {finding['advice']}")
    return "\n".join(lines)


def printable(text):
    """Text from the build under test must not steer a terminal: control characters and marks of direction are escaped."""
    return "".join(
        f"\\u{{{ord(character):x}}}"
        if character != "\n" and unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else character
        for character in text
    )
