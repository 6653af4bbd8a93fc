"""The steps that --run executes: which, filled in with what, and how their answers are shown."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from markdown_it import MarkdownIt
from rich.cells import cell_len

from hubops.model.finding import Ref
from hubops.model.step import Answer, Done, Step
from hubops.report import Options
from hubops.report.runbook import parse, values
from hubops.report.runbook_steps import plan, write_answer, write_document, write_plan
from tests.report.strategies import hostile

TEXT = """# A title

## Diagnosis

1. A list:

   ```bash read-only
   kubectl -n {namespace} get pods
   kubectl -n {namespace} logs {pod} | grep -i 'a <b> c' # <pod>
   ```

```bash
kubectl -n {namespace} delete pod {pod}
```

```text
kubectl -n {namespace} get nothing
```

```sh
kubectl get nodes
```

## Verify

```bash read-only
kubectl get --raw '/api/v1/namespaces/{namespace}/pods/{pod}'
```

```bash read-only
kubectl rollout history deployment/{name} --revision=<number>
```
"""
REF = Ref("Deployment", "cart", "shop")
AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def steps(**known: str) -> tuple[Step, ...]:
    return plan(parse(TEXT), values(REF) | known)


def test_only_steps_that_change_nothing_are_planned() -> None:
    assert [(step.number, step.heading) for step in steps()] == [(1, "Diagnosis"), (2, "Verify"), (3, "Verify")]
    assert not any("delete" in step.command or "get nothing" in step.command for step in steps())


def test_a_step_has_the_names_filled_in_and_no_margin() -> None:
    assert steps(pod="cart-1")[0].command == (
        "kubectl -n shop get pods\nkubectl -n shop logs cart-1 | grep -i 'a <b> c' # <pod>"
    )


def test_what_has_no_value_is_missing() -> None:
    assert [step.missing for step in steps()] == [("pod",), ("pod",), ("number",)]
    assert [step.missing for step in steps(pod="cart-1")] == [(), (), ("number",)]
    assert plan(parse(TEXT), {})[0].missing == ("namespace", "pod")


@pytest.mark.parametrize("value", ["a; rm -rf /", "$(reboot)", "`id`", "a\nb", "--flag", "a\u202eb", "'"])
def test_no_value_becomes_a_command(value: str) -> None:
    first, second, _ = steps(pod=value)
    assert second.missing == ("pod",)  # inside quotes nothing can be quoted
    assert first.missing == ("pod",) or f"logs {re.escape(value)}" != first.command
    if not first.missing:
        import shlex

        assert value in shlex.split(first.command)


def test_the_plan_says_what_is_run_and_what_is_not() -> None:
    text = write_plan("A title", "context prod", steps(), Options(width=80))
    assert "0 read-only steps can be run in context prod" in text
    assert "Not run: it has no value for <pod>; give it with --set pod=…" in text
    assert "Not run: it has no value for <number>; give it with --set number=…" in text
    assert "    kubectl -n shop get pods\n" in text


def answer(text: str, **fields: object) -> Done:
    given: dict[str, object] = {"text": text, "code": 0, "seconds": 0.44} | fields
    return Done(step=steps(pod="cart-1")[0], answer=Answer(**given))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "exit code 0, after 0.4 s"),
        ({"code": 1}, "exit code 1, after 0.4 s"),
        ({"code": 1, "complained": True}, "FAILED: exit code 1, after 0.4 s"),
        ({"code": None, "ended": "timeout"}, "ENDED: out of time, after 0.4 s"),
        ({"code": None, "ended": "interrupt"}, "ENDED by ^C, after 0.4 s"),
    ],
)
def test_how_a_step_ended(fields: dict[str, object], said: str) -> None:
    done = answer("x", **fields)
    assert said in write_answer(done, 3, Options())
    assert said.lower() in write_document("T", "a", AT, [done]).lower()


def test_secrets_are_redacted_and_colours_dropped() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nAAAA\n-----END RSA PRIVATE KEY-----"
    done = answer(f"\x1b[31mred\x1b[0m\tx\npassword=hunter2\n{key}\n")
    for text in (write_answer(done, 1, Options()), write_document("T", "a", AT, [done])):
        assert "hunter2" not in text
        assert "MIIE" not in text
        assert "red     x" in text


def test_a_step_that_was_not_run_is_in_the_document() -> None:
    text = write_document("T", "a", AT, [Done(step=steps()[0])])
    assert "`Not run: it has no value for <pod>; give it with --set pod=…`" in text


@given(text=hostile, about=hostile)
def test_no_answer_acts_on_a_terminal_or_leaves_its_fence(text: str, about: str) -> None:
    done = answer(text)
    shown, document = write_answer(done, 1, Options(width=80)), write_document("T", about, AT, [done])
    for written in (shown, document):
        found = {c for c in written if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}}
        assert found <= {"\n"}
    kinds = [
        token.type for token in MarkdownIt().parse(document) if token.type in {"heading_open", "fence", "html_block"}
    ]
    assert kinds == ["heading_open", "heading_open", "fence", *(["fence"] if text.split() else [])] or not text.strip()


def test_the_frame_fits_the_width() -> None:
    text = write_plan("A title " * 30, "context " + "x" * 200, steps(), Options(width=60))
    commands = [line for step in steps() for line in step.command.split("\n")]
    assert all(cell_len(line) <= 60 or line.strip() in commands for line in text.splitlines())
