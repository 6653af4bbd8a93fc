"""Runbooks: read from Markdown, and filled in with the names of one finding."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from hubops.errors import UsageError
from hubops.model.finding import Finding, Ref
from hubops.model.kube.kinds import KINDS
from hubops.report import shell

#: The headings of a runbook, in their order.
SECTIONS = ("Meaning", "Impact", "Diagnosis", "Mitigation", "Verify", "Roll back")

#: The words that are placeholders in a runbook. Any other {word} belongs to the command, such as awk's {print}.
PLACEHOLDERS = frozenset({
    "kind", "namespace", "name", "node", "pod", "container", "image", "claim", "volume", "storageclass", "service",
    "port", "deployment", "statefulset", "daemonset", "job", "cronjob", "certificate", "secret", "issuer", "webhook",
    "app", "alert", "alertname", "instance", "target", "selector", "owner", "owner_kind", "owner_name", "reason",
    "cluster", "team", "resource", "mountpoint", "device", "check", "until", "ingressclass",
    "other", "other_namespace", "host", "topic", "backup", "location",
})  # fmt: skip
#: Words in braces that belong to awk and to JSONPath, whatever the labels of a series are called.
_NEVER = frozenset({"end", "print", "next", "exit", "getline"})
_KIND_NAMES = {"persistentvolumeclaim": "claim", "persistentvolume": "volume"}

#: What kubectl takes for a built-in kind, in lower case.
_KINDS = {alias.lower(): kind.name for kind in KINDS for alias in (kind.name, kind.plural)}

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*([^`]*)$")


@dataclass(frozen=True)
class Code:
    """A fenced block. A step is shell; `read_only` says that it changes nothing."""

    text: str
    language: str = ""
    read_only: bool = False

    @property
    def is_step(self) -> bool:
        return self.language in {"bash", "sh", "shell"}


@dataclass(frozen=True)
class Section:
    """What stands under one heading: paragraphs (their source lines) and code, in order."""

    heading: str
    level: int
    blocks: tuple[str | Code, ...]


@dataclass(frozen=True)
class Runbook:
    title: str
    sections: tuple[Section, ...]

    @property
    def steps(self) -> tuple[tuple[str, Code], ...]:
        """Every step with the heading of its section."""
        return tuple(
            (section.heading, block)
            for section in self.sections
            for block in section.blocks
            if isinstance(block, Code) and block.is_step
        )


@lru_cache(maxsize=256)
def parse(text: str) -> Runbook:
    """The runbook written in *text*. Text before the first heading belongs to a section without one."""
    title = ""
    sections: list[Section] = []
    heading, level, blocks = "", 2, list[str | Code]()
    for block in _blocks(text):
        match = re.match(r"(#{1,6}) +(.*?)[ #]*$", block) if isinstance(block, str) else None
        if match is None:
            blocks.append(block)
            continue
        if blocks or heading:
            sections.append(Section(heading, level, tuple(blocks)))
            heading, blocks = "", []
        if len(match[1]) == 1 and not title:
            title = match[2]
        else:
            heading, level = match[2], len(match[1])
    if blocks or heading:
        sections.append(Section(heading, level, tuple(blocks)))
    return Runbook(title, tuple(sections))


def _blocks(text: str) -> Iterator[str | Code]:
    """Fenced code, and everything else in pieces that blank lines or headings part."""
    fence, info, inside = "", "", list[str]()
    prose: list[str] = []
    for line in text.splitlines():
        opening = _FENCE.match(line)
        if fence:
            if opening and opening[1].startswith(fence) and not opening[2].strip():
                yield _code("\n".join(inside), info)
                fence, inside = "", []
            else:
                inside.append(line)
            continue
        if opening or not line.strip() or line.startswith("#"):
            if prose:
                yield "\n".join(prose)
            prose = []
        if opening:
            fence, info = opening[1], opening[2]
        elif line.startswith("#"):
            yield line
        elif line.strip():
            prose.append(line)
    if inside:
        yield _code("\n".join(inside), info)
    if prose:
        yield "\n".join(prose)


def _code(text: str, info: str) -> Code:
    language, *flags = info.split() or [""]
    return Code(text, language.lower(), "read-only" in flags)


def parse_ref(text: str) -> Ref:
    """The object that --for names: kind/namespace/name, or kind/name where it has no namespace.

    Built-in kinds may be written as kubectl takes them: pod, pods. Raises UsageError.
    """
    parts = text.split("/")
    if len(parts) not in (2, 3) or not all(part.strip() == part != "" for part in parts):
        raise UsageError(f"--for {text!r}: write kind/namespace/name, or kind/name for what has no namespace")
    kind = _KINDS.get(parts[0].lower(), parts[0])
    if len(parts) == 2 and kind[0].islower():
        raise UsageError(f"--for {text!r}: {kind!r} is no kind, as Node/worker-1 or Pod/{kind}/{parts[1]} have one")
    return Ref(kind, parts[-1], parts[1] if len(parts) == 3 else None)


def values(ref: Ref, details: Mapping[str, str] | None = None) -> dict[str, str]:
    """What placeholders stand for: kind, namespace and name of *ref*, its name under its own kind, and *details*.

    What *ref* says wins: the details of a query's finding are the labels of a series, which may have a `name` too.
    """
    found = {"kind": ref.kind, "name": ref.name}
    if ref.namespace:
        found["namespace"] = ref.namespace
    kind = ref.kind.lower()
    if (alias := _KIND_NAMES.get(kind, kind)) in PLACEHOLDERS:
        found[alias] = ref.name
    return {key: value for key, value in (details or {}).items() if key not in _NEVER} | found


def fill_command(command: str, known: Mapping[str, str]) -> str:
    """*command* with its placeholders filled in as shell words; what has no safe value stays visible as <name>."""
    return shell.fill(command, known, PLACEHOLDERS | known.keys())


def fill_prose(text: str, known: Mapping[str, str]) -> str:
    """*text* with its placeholders filled in as they are; what has no value stays visible as <name>."""

    def replacement(match: re.Match[str]) -> str:
        name = match.group(1)
        return known.get(name) or (f"<{name}>" if name in PLACEHOLDERS else match.group(0))

    return shell.PLACEHOLDER.sub(replacement, text)


def next_command(finding: Finding, text: str | None) -> str | None:
    """The first command that changes nothing in the runbook *text*, filled in for *finding*, on one line.

    None where there is no runbook, or none of its read-only commands could be filled in completely.
    """
    if text is None:
        return None
    known = values(finding.ref, finding.details)
    for _, step in parse(text).steps:
        if not step.read_only:
            continue
        for line in shell.logical_lines(step.text):
            filled = fill_command(line, known)
            if not any(f"<{name}>" in filled for name in _names(line, known)):
                return filled
    return None


def runbook_command(finding: Finding, text: str | None = None) -> str:
    """hubops runbook pod-crash-looping --for Deployment/shop/cart --set container=app

    What the runbook *text* asks for and the object alone does not say is given with --set.
    """
    ref = finding.ref
    path = f"{ref.kind}/{ref.namespace}/{ref.name}" if ref.namespace else f"{ref.kind}/{ref.name}"
    known = values(ref, finding.details)
    extra = sorted(name for name in _names(text or "", known) if name in known and name not in values(ref))
    settings = [f"--set {name}={shell.word(known[name])}" for name in extra if known[name]]
    return " ".join([f"hubops runbook {shell.word(finding.runbook)} --for {shell.word(path)}", *settings])


def commands(finding: Finding, text: str | None) -> list[str]:
    """What to type next: the first command that only looks, where there is one, and the way to the whole runbook."""
    return [*filter(None, [next_command(finding, text)]), runbook_command(finding, text)]


def _names(text: str, known: Mapping[str, str]) -> set[str]:
    """The placeholders in *text*."""
    return {match[1] for match in shell.PLACEHOLDER.finditer(text)} & (PLACEHOLDERS | known.keys())
