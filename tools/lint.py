#!/usr/bin/env python3
"""Checks that the rules written down are kept: layers, lengths, paths in documents.

Prints one line per violation, `file:line: what`, and exits 1 if there is any.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAX_FILE, MAX_FUNCTION = 800, 70
CODE = ("src", "bench", "tests")
CONTROL = re.compile(r"^(if|for|while|switch|else|do|try|catch|namespace|class|struct|enum|union|extern)\b")
PATHS = re.compile(r"`((?:src|docs|tools|scripts|examples|tests|bench|cmake|third_party)/[\w./*-]*)`")


def tracked(*suffixes):
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True,
                           capture_output=True, check=True).stdout.split("\n")
    return [n for n in names if n.endswith(suffixes) and not n.startswith("third_party/") and (ROOT / n).is_file()]


def read_layers():
    allowed = {}
    for line in (ROOT / "tools/layers.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            module, _, below = line.partition(":")
            allowed[module] = set(below.split()) | {module}
    return allowed


def check_layers():
    allowed = read_layers()
    for name in tracked(".cc", ".h"):
        parts = name.split("/")
        if parts[0] != "src" or len(parts) < 3:
            continue
        module = parts[1]
        if module not in allowed:
            yield f"{name}:1: the module '{module}' is not in tools/layers.txt"
            continue
        for number, line in enumerate((ROOT / name).read_text().splitlines(), 1):
            match = re.match(r'#include "(\w+)/', line)
            if match and match[1] in allowed and match[1] not in allowed[module]:
                yield f"{name}:{number}: {module} may not include {match[1]} (tools/layers.txt)"


def blank_literals(text):
    """The same text, with comments, strings and characters blanked, newlines kept."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', re.S)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def functions(text):
    """(first line, lines) of each outermost function body."""
    text = re.sub(r"^[ \t]*#[^\n]*(\\\n[^\n]*)*", lambda m: re.sub(r"[^\n]", " ", m[0]), blank_literals(text), flags=re.M)
    stack, head_start = [], 0
    for match in re.finditer(r"[{};]", text):
        position, token = match.start(), match[0]
        if token == "{":
            head = text[head_start:position].strip()
            head = re.sub(r"^(public|private|protected)\s*:\s*", "", head)
            is_function = "(" in head and not CONTROL.match(head) and not any(f for f, _ in stack)
            start = head_start + len(text[head_start:position]) - len(text[head_start:position].lstrip())
            stack.append((is_function, start))
        elif token == "}" and stack:
            is_function, start = stack.pop()
            if is_function:
                first = text.count("\n", 0, start) + 1
                yield first, text.count("\n", start, position) + 1
        head_start = position + 1


def check_lengths():
    for name in tracked(".cc", ".h", ".py", ".sh"):
        if not name.startswith(CODE):
            continue
        text = (ROOT / name).read_text()
        lines = text.count("\n")
        if lines > MAX_FILE:
            yield f"{name}:1: {lines} lines; {MAX_FILE} at most"
        if name.endswith((".cc", ".h")):
            for first, length in functions(text):
                if length > MAX_FUNCTION:
                    yield f"{name}:{first}: a function of {length} lines; {MAX_FUNCTION} at most"


def check_documents():
    for name in tracked(".md"):
        for number, line in enumerate((ROOT / name).read_text().splitlines(), 1):
            for path in PATHS.findall(line):
                if not list(ROOT.glob(path.rstrip("/"))):
                    yield f"{name}:{number}: {path} does not exist"
            for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", line):
                if not (ROOT / name).parent.joinpath(link).exists():
                    yield f"{name}:{number}: the link {link} leads nowhere"


def check_idioms():
    for name in tracked(".cc", ".h"):
        if name.startswith("src/") and name != "src/base/json.cc":
            for number, line in enumerate((ROOT / name).read_text().splitlines(), 1):
                if re.search(r"(\.|->)dump\(", line):
                    yield f"{name}:{number}: Json::dump throws on bytes that are not UTF-8; use FormatJson"


def main():
    problems = [*check_layers(), *check_lengths(), *check_documents(), *check_idioms()]
    print(*problems, sep="\n", file=sys.stderr, end="\n" if problems else "")
    print(f"lint: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
