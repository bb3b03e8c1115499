"""What the documents show is so: every example in README.md, docs/, examples/*/README.md and src/*/README.md runs.

    ```sh                    each line runs, in order, from the root of a copy of the examples; `up` goes on in the
                             background until the endpoint is ready, and to the next `up` or the document's end
    ```sh no-run: REASON     is only read: commands, options and targets must exist
    ```yaml                  whole resources, which `millrace validate` accepts
    ```yaml from FILE        a part of that file, word for word
    ```json                  JSON
    ```text                  neither

The copy has a small sample and a gate that a model of it passes; nothing else differs. `make` lines are read, not run:
other scenarios and steps run the targets. Commands in `code` within a sentence, and those in --help, are read as well.
"""

import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import tempfile

from platform_under_test import DEADLINE, REPOSITORY, Failure, Folder, free_port, main, same, wait_for

DOCUMENTS = ("README.md", "docs/**/*.md", "examples/*/README.md", "src/*/README.md")
PROGRAMS = ("millrace", "build/release/millrace")
COMMAND = re.compile(r"^(?:\$ )?(?:(?:build/release/)?millrace|make|scripts/\S+|curl|python3?|cmake|ninja) ")
ROWS = 30_000
# The program as the documents call it, on a port of the scenario's own and with a small sample.
WRAPPER = """#!/bin/bash
case "$1 $2" in
  "sample fraud") set -- "$@" --rows {rows} ;;
  "up "*) set -- "$@" --listen 127.0.0.1:{port} ;;
esac
exec {binary} "$@"
"""


class Block:
    """One example: where it stands, the words after its fence, its lines."""

    def __init__(self, place, info, lines):
        self.place, self.info, self.lines = place, info, lines
        self.language = info.split(" ")[0]

    def commands(self):
        """Lines of shell without comments, continuation lines joined."""
        text = "\n".join(self.lines).replace("\\\n", " ")
        lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.split("\n"))
        return [re.sub(r"\s+", " ", line) for line in lines if line]


def read_document(path):
    """(blocks, code within sentences with its place); commands that stand outside fences fail."""
    name = path.relative_to(REPOSITORY)
    blocks, inline, open_block = [], [], None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        fence = re.match(r"^\s*```(.*)$", line)
        if fence and open_block is None:
            open_block = Block(f"{name}:{number}", fence[1].strip(), [])
        elif fence:
            blocks.append(open_block)
            open_block = None
        elif open_block is not None:
            open_block.lines.append(line.strip() if open_block.language == "sh" else line)
        elif line.startswith("    ") and COMMAND.match(line.strip()):
            raise Failure(f"{name}:{number}: put this command between ```sh and ```, so that it is tested: {line.strip()}")
        else:
            inline += [(f"{name}:{number}", code) for code in re.findall(r"`([^`]+)`", line)]
    if open_block is not None:
        raise Failure(f"{open_block.place}: this block has no end")
    return blocks, inline


class CommandLine:
    """What `millrace --help` knows, by which a line can be read without running it."""

    def __init__(self, binary):
        self.binary = binary
        self.helps = {}

    def help(self, *command):
        if command not in self.helps:
            done = subprocess.run([self.binary, *command, "--help"], capture_output=True, text=True, check=False,
                                  stdin=subprocess.DEVNULL, timeout=DEADLINE)
            self.helps[command] = done.stdout if done.returncode == 0 else None
        return self.helps[command]

    def subcommands(self, *command):
        _, _, listed = self.help(*command).partition("Subcommands:\n")
        return re.findall(r"^  ([a-z][\w-]*)", listed, re.M)

    def every_command(self, *command):
        yield command
        for name in self.subcommands(*command):
            yield from self.every_command(*command, name)

    def read(self, place, words):
        """Fails unless the command and each option of `millrace WORDS` exist."""
        command = ()
        while words and re.match(r"^[a-z][\w-]*$", words[0]):
            inner = self.subcommands(*command)
            if words[0] not in inner and not inner:
                break  # an argument
            # `train` is not for people, and so not listed; of a command that is none, --help is the help above it.
            if words[0] not in inner and self.help(*command, words[0]) in (None, self.help(*command)):
                raise Failure(f"{place}: there is no command `millrace {' '.join((*command, words[0]))}`")
            command, words = (*command, words[0]), words[1:]
        for word in words:
            option = word.split("=")[0]
            if re.match(r"^--?[a-z]", option) and not re.search(rf"(^|[\s,]){option}\b", self.help(*command), re.M):
                raise Failure(f"{place}: `millrace {' '.join(command)}` has no option {option}")


def read_make(place, words, makefile):
    """Fails unless the targets and variables of `make WORDS` exist."""
    for word in words:
        name, is_variable, _ = word.partition("=")
        if is_variable and f"$({name})" not in makefile and f"{name}=" not in makefile:
            raise Failure(f"{place}: the Makefile does not use {name}")
        if not is_variable and not re.search(rf"^({name}|{name.split('-')[0]}-%):", makefile, re.M):
            raise Failure(f"{place}: the Makefile has no target {name}")


class Session:
    """A document's shell: a copy of the examples, and at most one `up` in the background."""

    def __init__(self, binary, folder):
        self.binary, self.owner = binary, folder
        self.root = pathlib.Path(tempfile.mkdtemp(dir=folder.path))
        self.server = None
        self.log = self.root / "up.log"
        shutil.copytree(REPOSITORY / "examples", self.root / "examples",
                        ignore=shutil.ignore_patterns("data", ".millrace"))
        for file in self.root.glob("examples/*/*.yaml"):
            file.write_text(re.sub(r"(average_precision >=) 0\.\d+", r"\1 0.01", file.read_text()))
        self.port = free_port()
        programs = self.root / "build/release"
        programs.mkdir(parents=True)
        (programs / "millrace").write_text(WRAPPER.format(rows=ROWS, port=self.port, binary=shlex.quote(binary)))
        (programs / "millrace").chmod(0o755)
        self.environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}",
                            "XDG_STATE_HOME": str(self.root / "state"),
                            "MILLRACE_SERVER": f"http://127.0.0.1:{self.port}"}

    def run(self, place, line):
        words = shlex.split(line)
        if words[0] in PROGRAMS and words[1] == "up" and "--once" not in words:
            return self.up(place, line)
        done = subprocess.run(["bash", "-c", line], cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=DEADLINE, check=False)
        if done.returncode != 0:
            raise Failure(f"{place}: `{line}` ends with {done.returncode}:\n{done.stdout}{done.stderr}")
        return print(f"  {place}: {line}", flush=True)

    def up(self, place, line):
        self.stop()
        with open(self.log, "w", encoding="utf-8") as log:
            self.server = subprocess.Popen(["bash", "-c", f"exec {line}"], cwd=self.root, env=self.environment,
                                           stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.owner.processes.append(self.server)
        try:
            wait_for(self.is_ready, f"{place}: `{line}` serves")
        except Failure as failure:
            raise Failure(f"{failure}\n{self.log.read_text()[-4000:]}") from None
        print(f"  {place}: {line} (serves)", flush=True)

    def is_ready(self):
        if self.server.poll() is not None:
            raise Failure(f"it ended with {self.server.returncode}")
        done = subprocess.run([self.binary, "get", "modelendpoint/fraud", "-o", "json"], cwd=self.root, env=self.environment,
                              capture_output=True, text=True, timeout=DEADLINE, check=False)
        if done.returncode != 0:
            return False
        conditions = json.loads(done.stdout).get("status", {}).get("conditions", [])
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    def stop(self):
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)
            if self.server.wait(DEADLINE) != 0 or "Sanitizer" in self.log.read_text():
                raise Failure(f"up does not end well:\n{self.log.read_text()[-4000:]}")
        self.server = None


def check_text(block, binary, scratch):
    """Blocks that are not shell."""
    text = "\n".join(block.lines) + "\n"
    if block.language == "json":
        try:
            json.loads(text)
        except ValueError as error:
            raise Failure(f"{block.place}: this is not JSON: {error}") from None
    elif block.info.startswith("yaml from "):
        if text not in (REPOSITORY / block.info.removeprefix("yaml from ")).read_text():
            raise Failure(f"{block.place}: these lines do not stand in {block.info.removeprefix('yaml from ')}")
    elif block.info == "yaml":
        file = scratch / "block.yaml"
        file.write_text(text)
        done = subprocess.run([binary, "validate", str(file)], capture_output=True, text=True, timeout=DEADLINE,
                              check=False)
        if done.returncode != 0:
            raise Failure(f"{block.place}: this is not valid:\n{done.stderr}")
    elif block.language != "text":
        raise Failure(f"{block.place}: ```{block.info} is none of sh, sh no-run: REASON, yaml, yaml from FILE, json, text")


def read_shell(block, line, command_line, makefile):
    words = shlex.split(line)
    if words[0] == "make":
        read_make(block.place, words[1:], makefile)
    elif words[0] in PROGRAMS:
        command_line.read(block.place, words[1:])
    elif not shutil.which(words[0]) and not (REPOSITORY / words[0]).exists():
        raise Failure(f"{block.place}: there is no {words[0]}")


def check_document(path, binary, folder, command_line, makefile):
    blocks, inline = read_document(path)
    ran = 0
    for place, code in inline:
        words = code.split()
        if words[0] == "millrace":
            command_line.read(place, [word for word in words[1:] if word != "COMMAND"])
        elif words[0] == "make" and len(words) > 1:
            read_make(place, words[1:], makefile)
    session = None
    for block in blocks:
        if block.language != "sh":
            check_text(block, binary, folder.path)
            continue
        if block.info != "sh" and not re.match(r"^sh no-run: \S", block.info):
            raise Failure(f"{block.place}: ```{block.info} should be ```sh, or ```sh no-run: REASON")
        for line in block.commands():
            read_shell(block, line, command_line, makefile)
            if block.info == "sh" and not line.startswith("make "):
                session = session or Session(binary, folder)
                session.run(block.place, line)
                ran += 1
    if session is not None:
        session.stop()
    return ran


def check_help(command_line):
    """Every command is in the table of docs/cli.md, and no other; the examples in --help are commands."""
    table = "\n".join(line.split("|")[1] for line in (REPOSITORY / "docs/cli.md").read_text().splitlines()
                      if line.startswith("| `"))
    listed = {code.split()[0] for code in re.findall(r"`([^`]+)`", table) if not code[0].isdigit()}
    same(listed, set(command_line.subcommands()), "docs/cli.md lists the commands of --help")
    for command in command_line.every_command():
        for line in re.findall(r"^millrace .*$", command_line.help(*command), re.M):
            command_line.read(f"millrace {' '.join(command)} --help", shlex.split(line, comments=True)[1:])


def scenario(binary):
    makefile = (REPOSITORY / "Makefile").read_text()
    command_line = CommandLine(binary)
    check_help(command_line)
    with Folder() as folder:
        paths = sorted({path for pattern in DOCUMENTS for path in REPOSITORY.glob(pattern)})
        ran = sum(check_document(path, binary, folder, command_line, makefile) for path in paths)
    if ran == 0:
        raise Failure("no document has a command that runs")
    print(f"  {len(paths)} documents, {ran} commands run", flush=True)


main(scenario)
