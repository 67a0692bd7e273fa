"""The one sentence of an exception: what cannot happen, and the one reason, in words a client would understand."""

from __future__ import annotations

import re

MAX_WORDS = 28

_AVOID = {
    "please": "leave it out",
    "oops": "leave it out",
    "successfully": "leave it out",
    "payload": "say what it is: invoice, line, contract",
    "incident": "say case",
    "dlq": "say case",
    "pending": "say waits for",
}
_TECHNICAL = re.compile(
    r"\b\w+_\w+\b|[{}<>\[\]`]|\bHTTP\b|\bTraceback\b|\b[A-Z]\w*(?:Error|Exception)\b|\b\d+/\d+\b|://"
)


def build_sentence(subject: str, blocked: str, reason: str) -> str:
    """Build an exception sentence: `subject blocked: reason.`; what is too long is cut, never refused.

    A case must open whatever a client is called, so that the end of a long reason gives way.

    >>> build_sentence("142 approved time lines for Vierlande Pharma", "are not in the ERP",
    ...                "cost center DE-4410 has no mapping")
    '142 approved time lines for Vierlande Pharma are not in the ERP: cost center DE-4410 has no mapping.'
    """
    words = f"{subject.strip()} {blocked.strip()}: {reason.strip()}".split()
    if len(words) > MAX_WORDS:
        return " ".join(words[:MAX_WORDS]).rstrip(",;:.") + " …"
    text = " ".join(words)
    return text if text.endswith(".") else f"{text}."


def check_sentence(text: str) -> tuple[str, ...]:
    """Return what is wrong with an exception sentence; empty when it is good. For tests of those who write them."""
    problems = []
    words = [word for word in text.split() if word != "…"]
    if len(words) > MAX_WORDS:
        problems.append(f"{len(words)} words; at most {MAX_WORDS}")
    if not text.endswith((".", "…")):
        problems.append("it does not end with a full stop")
    if "!" in text:
        problems.append("no exclamation mark")
    for word, instead in _AVOID.items():
        if re.search(rf"\b{word}\b", text, re.IGNORECASE):
            problems.append(f"`{word}`: {instead}")
    codes = [f"`{found}` is a code; say it in words" for found in _TECHNICAL.findall(text)]
    return (*problems, *codes)
