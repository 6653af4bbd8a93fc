from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubops.errors import UsageError
from hubops.model.finding import Ref
from hubops.report import Options, runbook, runbook_view, shell
from hubops.report.runbook import Code, fill_command, next_command, parse, parse_ref, values
from tests.report.samples import CRASH, RUNBOOK

SHIPPED = sorted(Path(__file__).parents[2].glob("runbooks/[!_]*.md"))


def words_of(command: str) -> list[str]:
    """The words that a real shell reads in *command*, for a command without expansions."""
    done = subprocess.run(
        ["sh", "-c", f"set -f; for word in {command}\ndo printf '%s\\0' \"$word\"; done"],
        capture_output=True, check=True, timeout=10,
    )  # fmt: skip
    return done.stdout.decode(errors="surrogateescape").split("\0")[:-1]


def test_parse_finds_title_sections_and_steps() -> None:
    book = parse(RUNBOOK)
    assert book.title == "Container restarts again and again"
    assert [section.heading for section in book.sections] == ["Meaning", "Diagnosis", "Mitigation"]
    assert [(heading, step.read_only) for heading, step in book.steps] == [("Diagnosis", True), ("Mitigation", False)]


def test_parse_keeps_hashes_and_short_fences_inside_code() -> None:
    text = "# T\n## A\n````bash read-only\n# comment\n```\n## not a heading\n````\nafter\n~~~yaml\na: 1\n~~~\n"
    (section,) = parse(text + "```bash\nopen").sections
    assert section.blocks == (
        Code("# comment\n```\n## not a heading", "bash", True),
        "after",
        Code("a: 1", "yaml"),
        Code("open", "bash"),
    )


def test_values_come_from_the_object_its_kind_and_details() -> None:
    assert values(Ref("PersistentVolumeClaim", "data-0", "db"), {"node": "n1"}) == {
        "kind": "PersistentVolumeClaim", "name": "data-0", "namespace": "db", "claim": "data-0", "node": "n1",
    }  # fmt: skip
    assert values(Ref("Node", "n1")) == {"kind": "Node", "name": "n1", "node": "n1"}
    assert values(Ref("Node", "n1"), {"name": "label", "namespace": "ns", "end": "x"}) == {
        "kind": "Node", "name": "n1", "node": "n1", "namespace": "ns",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("Deployment/shop/cart", Ref("Deployment", "cart", "shop")),
        ("nodes/n1", Ref("Node", "n1")),
        ("Alert/Down", Ref("Alert", "Down")),
    ],
)
def test_parse_ref(text: str, ref: Ref) -> None:
    assert parse_ref(text) == ref


@pytest.mark.parametrize("text", ["", "cart", "a/b/c/d", "Deployment//cart", "Pod/ /x", "/x", "x/"])
def test_parse_ref_refuses(text: str) -> None:
    with pytest.raises(UsageError, match="kind/namespace/name"):
        parse_ref(text)


def test_a_namespace_is_no_kind() -> None:
    with pytest.raises(UsageError, match="'shop' is no kind"):
        parse_ref("shop/cart")


@pytest.mark.parametrize(
    "command",
    [
        "kubectl get pods -o jsonpath='{.status.phase}'",
        "kubectl get pods -o jsonpath='{range .items[*]}{.metadata.name}{end}'",
        "kubectl get nodes | awk '{print $1}' | awk '{print}'",
        'echo "${name}" "${namespace:-x}" ${HOME}',
        "kubectl get pod -o go-template='{{.name}} {{name}}'",
        "logcli query '{app=\"x\"}'",
        "echo {a,b} {}",
        "find . -exec echo {} +",
    ],
)
def test_what_is_no_placeholder_survives(command: str) -> None:
    assert fill_command(command, {"name": "cart", "namespace": "shop"}) == command


def test_placeholders_are_filled_everywhere_with_kubernetes_names() -> None:
    command = (
        """kubectl -n {namespace} get {kind}/{name} -o jsonpath='{.x}' && logcli query '{namespace="{namespace}"}'"""
    )
    assert fill_command(command, {"namespace": "shop", "kind": "Pod", "name": "cart-0"}) == (
        """kubectl -n shop get Pod/cart-0 -o jsonpath='{.x}' && logcli query '{namespace="shop"}'"""
    )


def test_what_has_no_value_stays_visible() -> None:
    assert fill_command("kubectl logs {name} -c {container}", {"name": "x"}) == "kubectl logs x -c <container>"


HOSTILE = [
    "x; rm -rf /",
    "$(reboot)",
    "`reboot`",
    "a'b",
    'a"b',
    "a b",
    "a\nb",
    "&& x",
    "|x",
    "é",
    "a\\",
    "*",
    "~",
    "#x",
    "a=b",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_one_word(name: str) -> None:
    filled = fill_command("get pod {name} data-{name}-0 --now", {"name": name})
    assert words_of(filled) == ["get", "pod", name, f"data-{name}-0", "--now"]


@pytest.mark.parametrize(
    "command",
    [
        "logcli query '{namespace=\"{name}\"}'",
        'echo "{name}"',
        "sh -c {name}",
        "watch kubectl get pod {name}",
        "cat <<EOF\n{name}\nEOF",
        'echo "$(echo "{name}")"',
        "echo `echo {name}`",
        "echo $'it\\'s {name}'",
        "ssh {name}",
        "# don't\necho '{name}'",
    ],
)
@pytest.mark.parametrize("name", ["x; rm -rf /", "'; reboot; '", "$(reboot)", "-o/etc/passwd"])
def test_a_hostile_name_is_never_put_where_quotes_do_not_hold(command: str, name: str) -> None:
    assert fill_command(command, {"name": name}) == command.replace("{name}", "<name>")


def test_a_name_cannot_become_a_flag() -> None:
    assert fill_command("kubectl delete pod {name}", {"name": "--all"}) == "kubectl delete pod <name>"


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30))
@settings(max_examples=150, deadline=None)
def test_any_value_is_one_word_or_not_filled(name: str) -> None:
    filled = fill_command("get {name} -n 'a b'", {"name": name})
    if filled == "get <name> -n 'a b'":
        assert name.startswith("-")
    else:
        assert words_of(filled) == ["get", name, "-n", "a b"]


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\n"), max_size=60), min_size=1, max_size=8),
    st.integers(20, 80),
)
@settings(max_examples=150, deadline=None)
def test_a_folded_command_is_the_same_command(arguments: list[str], width: int) -> None:
    command = shlex.join(arguments)
    lines = shell.fold(command, width, 4)
    assert words_of("\n".join(lines)) == arguments
    assert all(len(line) <= width for line in lines)


@pytest.mark.parametrize(
    "command",
    [
        """kubectl get pods -o jsonpath="{range .items[*]}{.metadata.name}{end}" --selector 'phase!=Running'""",
        r"""echo a\ b\ c "quoted \" and \\ here" 'single $HOME' unquoted\'x averylongwordaverylongword""",
    ],
)
@pytest.mark.parametrize("width", range(20, 60, 3))
def test_folding_at_any_place_keeps_the_words(command: str, width: int) -> None:
    lines = shell.fold(command, width, 4)
    assert words_of("\n".join(lines)) == words_of(command)
    assert all(len(line) <= width for line in lines)


@pytest.mark.parametrize(
    "command", ["echo \"$(kubectl get 'a b')\" and more words", "echo `x y` z z z z z z z z", "a $'b\\'c' d d d"]
)
def test_a_command_with_a_substitution_is_not_folded(command: str) -> None:
    assert shell.fold(command, 20, 4) == ["    " + command]


def test_next_command_is_the_first_read_only_one() -> None:
    assert next_command(CRASH, RUNBOOK) == "kubectl -n shop logs cart -c app --previous --tail=50"


def test_next_command_skips_what_it_cannot_fill() -> None:
    unknown = msgspec.structs.replace(CRASH, details={})
    assert next_command(unknown, RUNBOOK) == "kubectl -n shop describe Deployment cart"


def test_the_runbook_command_says_what_the_runbook_needs_to_know() -> None:
    assert runbook.runbook_command(CRASH) == "hubops runbook pod-crash-looping --for Deployment/shop/cart"
    assert runbook.runbook_command(CRASH, RUNBOOK) == (
        "hubops runbook pod-crash-looping --for Deployment/shop/cart --set container=app"
    )
    spaced = msgspec.structs.replace(CRASH, details={"container": "a b", "name": "other", "unused": "x"})
    assert words_of(runbook.runbook_command(spaced, RUNBOOK))[-2:] == ["--set", "container=a b"]


def test_next_command_never_changes_anything() -> None:
    assert next_command(CRASH, "## Mitigation\n```bash\nkubectl delete pod {name}\n```\n") is None
    assert next_command(CRASH, None) is None
    assert next_command(CRASH, "") is None


def test_next_command_is_complete_on_one_line() -> None:
    several_lines = [
        "for p in a b; do\n  echo $p\ndone",
        "awk '{\nprint}' x",
        "cat x |\n grep y",
        "cat <<E\nx\nE",
        "f() {\n x\n}",
    ]
    text = "".join(f"```bash read-only\n{block}\n```\n" for block in several_lines)
    assert next_command(CRASH, text) is None
    text += "```bash read-only\n# look\n\nkubectl get \\\n    pod {name} # why\n```\n"
    assert next_command(CRASH, text) == "kubectl get pod cart"


def test_the_view_reads_no_marks_from_values() -> None:
    known = {"name": "`x` **b** [a](http://e) \x1b[31m", "namespace": "n", "kind": "Pod"}
    source = "# About {name}\n\n## Meaning\nSee {name} and `{name}`, [docs](https://d.example).\n"
    text = runbook_view.write(source, known, Options(width=200))
    assert text == (
        "About `x` **b** [a](http://e) \\x1b[31m\n\nMEANING\n"
        "  See `x` **b** [a](http://e) \\x1b[31m and '`x` **b** [a](http://e) \\x1b[31m', docs (https://d.example).\n"
    )


def test_the_view_wraps_prose_and_keeps_commands_whole() -> None:
    long = "kubectl get pods " + "--flag " * 20
    text = runbook_view.write(
        f"# T\n\n## Meaning\n{'word ' * 40}\n\n- {'item ' * 30}\n\n```bash\n{long}\n```\n", {}, Options(width=40)
    )
    assert f"    {long}\n" in text
    assert all(len(line) <= 40 for line in text.splitlines() if "--flag" not in line)
    assert "changes the cluster" in text


def test_the_view_has_colours_only_when_asked() -> None:
    assert "\x1b[" not in runbook_view.write(RUNBOOK, {}, Options(color=False))
    assert "\x1b[" in runbook_view.write(RUNBOOK, {}, Options(color=True))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_shipped_runbooks_are_understood(file: Path) -> None:
    book = parse(file.read_text(encoding="utf-8"))
    assert book.title
    assert tuple(section.heading for section in book.sections if section.level == 2) == runbook.SECTIONS
    assert any(step.read_only for _, step in book.steps), "nothing to look at first"
    named = {match[1] for _, step in book.steps for match in shell.PLACEHOLDER.finditer(step.text)}
    assert named <= runbook.PLACEHOLDERS | {"end", "print", "next", "exit"}, "a typing error, or a new name"
