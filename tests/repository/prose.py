"""Rules for prose, and the places where they are broken.

    python -m tests.repository.prose [PATH ...]

lists the sentences that break a rule: in Markdown pages, and in docstrings and help texts of Python files. Blocks of
code and ``code`` in a sentence are left out. Exceptions, with a reason each, are in ``prose_exceptions.toml``.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.paths import ROOT

EXCEPTIONS: Final = Path(__file__).with_name("prose_exceptions.toml")
CODE_FOLDERS: Final = ("stream/headrace", "schemas/headrace", "producers/headrace")
MOST_WORDS: Final = 40
_PRIVATE: Final = (
    "patience|insist(?:s|ed|ing)?|mend(?:s|ed|ing)?|twins?|fates?|reckon(?:s|ed|ing)?|misfits?|guilty|floodgates?"
    "|flood gates?|rivals?|how-manieth|errands?"
)
_SENTENCE: Final = re.compile(r"(?<=[.!?])[)*_]*\s+(?=[A-Z*_`(]|[\w/-]+\.md)")
_WORDS: Final = {
    "private word": re.compile(rf"\b(?:{_PRIVATE})\b", re.IGNORECASE),
    "stands for is stored": re.compile(r"\b(?:stand|stands|standing|stood)\b(?! in for| up\b)", re.IGNORECASE),
    "is none for invalid": re.compile(r"\b(?:is|are|was|were|be) none\b(?! of)", re.IGNORECASE),
    "told or said": re.compile(r"\b(?:is|are|was|were|be|been|being) (?:not )?(?:told|said)\b", re.IGNORECASE),
}
_CLAUSE: Final = re.compile(r"^[*_(]*(?:who|whoever|what|whatever|which)\b(?!.*\?[*_)]*$)", re.IGNORECASE)


@dataclass(frozen=True)
class Finding:
    """One sentence that breaks a rule."""

    path: str
    rule: str
    text: str


def check_page(path: str, text: str) -> Iterator[Finding]:
    """Yield the sentences of a Markdown page that break a rule."""
    for block in _blocks(text):
        yield from _words(path, block)
        if not block.startswith("|"):
            yield from _sentences(path, block)


def check_module(path: str, source: str) -> Iterator[Finding]:
    """Yield the docstrings and help texts of a Python file that break a rule."""
    for text in _texts(ast.parse(source)):
        plain = _without_code(text.partition("\n\n    ")[0])
        yield from _words(path, plain)
        if _CLAUSE.match(plain):
            yield Finding(path, "clause as subject", _short(plain))


def findings(paths: Iterable[Path]) -> list[Finding]:
    """Return the sentences of these files that break a rule."""
    found: list[Finding] = []
    for path in paths:
        name = path.relative_to(ROOT).as_posix()
        check = check_page if path.suffix == ".md" else check_module
        found += check(name, path.read_text())
    return found


def files() -> list[Path]:
    """Return every file that holds prose of the product."""
    pages = [*(ROOT / "docs").rglob("*.md"), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"))]
    pages += [ROOT / "ARCHITECTURE.md", ROOT / "schemas/README.md", ROOT / "producers/README.md"]
    return sorted(pages) + sorted(file for folder in CODE_FOLDERS for file in (ROOT / folder).rglob("*.py"))


def beyond_exceptions(found: Iterable[Finding]) -> list[str]:
    """Return a line for each file or folder that breaks a rule more often than its exception allows."""
    counts = Counter((finding.path, finding.rule) for finding in found)
    for each in tomllib.loads(EXCEPTIONS.read_text()).get("exception", []):
        counts[each["path"], each["rule"]] = _taken(counts, each["path"], each["rule"]) - each["at_most"]
    return [f"{path}: {rule}: {count} too many" for (path, rule), count in sorted(counts.items()) if count > 0]


def _taken(counts: Counter[tuple[str, str]], place: str, rule: str) -> int:
    """Remove from *counts* what lies in *place*, a file or a folder, and return how much it was."""
    within = [key for key in counts if key[1] == rule and (key[0] == place or key[0].startswith(f"{place}/"))]
    return sum(counts.pop(key) for key in within)


def _blocks(text: str) -> Iterator[str]:
    """Yield paragraphs, list items and table rows, in one line each."""
    text = re.sub(r"^ *```.*?^ *```", "\n", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"^(#.*|\[[\w-]+\]: .*|\|.*)$", r"\n\1\n", text, flags=re.MULTILINE)
    text = re.sub(r"^ *(?:[*-]|\d+\.) ", "\n", text, flags=re.MULTILINE)
    for block in re.split(r"\n\s*\n", text):
        if block.strip() and not block.lstrip().startswith(("#", "[demo]:")):
            yield _without_code(" ".join(block.split()))


def _without_code(text: str) -> str:
    text = re.sub(r"``.+?``|`[^`]+`", "CODE", text, flags=re.DOTALL)
    text = re.sub(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[\w-]+\])", r"\1", text)
    return " ".join(text.split())


def _words(path: str, text: str) -> Iterator[Finding]:
    for rule, pattern in _WORDS.items():
        for match in pattern.finditer(text):
            yield Finding(path, rule, _short(text[max(0, match.start() - 40) : match.end() + 40]))


def _sentences(path: str, block: str) -> Iterator[Finding]:
    for sentence in _SENTENCE.split(block):
        if _CLAUSE.match(sentence):
            yield Finding(path, "clause as subject", _short(sentence))
        if len(sentence.split()) > MOST_WORDS:
            yield Finding(path, "long sentence", _short(sentence))


def _texts(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""
        elif isinstance(node, ast.keyword) and node.arg == "help" and isinstance(node.value, ast.Constant):
            yield str(node.value.value)


def _short(text: str) -> str:
    return text if len(text) <= 110 else f"{text[:107]}..."


if __name__ == "__main__":
    chosen = [ROOT / name for name in sys.argv[1:]] or files()
    for finding in findings(chosen):
        print(f"{finding.path}: {finding.rule}: {finding.text}")
