"""Templates: a setting never changes the meaning of the YAML around it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hubops.errors import ConfigError
from hubops.stack.template import Templates


def rendered(folder: Path, text: str, **names: object) -> str:
    (folder / "file.yaml").write_text(text, encoding="utf-8")
    return Templates(folder).render("file.yaml", names)


def test_the_braces_of_other_tools_stand_for_themselves(tmp_path: Path) -> None:
    text = "a: '{{ $labels.pod }} {% raw %} {# x #}'\nb: << value >>\n"
    assert rendered(tmp_path, text, value="v") == "a: '{{ $labels.pod }} {% raw %} {# x #}'\nb: v\n"


def test_statements_and_comments_leave_no_line(tmp_path: Path) -> None:
    text = "a: 1\n  <% if wanted %>\nb: 2\n  <% endif %>\n<# not seen #>\nc: 3\n"
    assert rendered(tmp_path, text, wanted=True) == "a: 1\nb: 2\nc: 3\n"


@given(value=st.text(), key=st.text(min_size=1))
def test_any_text_survives_the_filter(tmp_path_factory: pytest.TempPathFactory, value: str, key: str) -> None:
    folder = tmp_path_factory.mktemp("templates")
    text = rendered(folder, "a: << value | yaml >>\nb: << map | yaml >>\n", value=value, map={key: [value]})
    assert yaml.load(text, Loader=yaml.CSafeLoader) == {"a": value, "b": {key: [value]}}


@given(value=st.text(min_size=1) | st.text(min_size=1, alphabet="abyesno019@/._+~=,$%()[]{}:*-#&!|>'\"\\ \n"))
def test_what_is_printed_as_it_is_stays_one_scalar(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    folder = tmp_path_factory.mktemp("templates")
    try:
        text = rendered(
            folder, "a: 'x.<< value >>'\nb: \"<< value >>\"\nc: host.<< value >>\nd: << value >>\n", value=value
        )
    except ConfigError:
        return
    loaded = yaml.safe_load(text)
    assert loaded == {"a": f"x.{value}", "b": value, "c": f"host.{value}", "d": value}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: << site.domian >>\n", r"file\.yaml:2: .*domian"),
        ("a: 1\n\nb: << missing >>\n", r"file\.yaml:3: 'missing' is undefined"),
        ("a: << site.email >>\n", r"file\.yaml:1: a setting that is not set would be printed"),
        ("a: << site.name >>\n", r"file\.yaml:1: .* the template must use the filter `yaml`"),
        ("a: << site.number >>\n", r"file\.yaml:1: '12' may mean something else in YAML"),
        ("a: 1\n<% if x %>\n", r"file\.yaml:2: .*endif"),
    ],
)
def test_a_wrong_template_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    site = SimpleNamespace(email=None, name="a: 'b'", number="12")
    with pytest.raises(ConfigError, match=message):
        rendered(tmp_path, text, site=site)


def test_a_file_is_embedded_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards" / "one.json").write_text('{\n  "legend": "{{pod}} << no >>"\n}\n')
    text = rendered(
        tmp_path, "<% for path in files('dashboards/*.json') %>\n<< path >>: |\n  << text(path, 2) >>\n<% endfor %>\n"
    )
    assert yaml.safe_load(text) == {"dashboards/one.json": '{\n  "legend": "{{pod}} << no >>"\n}\n'}


def test_one_thing_of_an_embedded_file_can_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text('{\n  "url": "https://example.org/"\n}\n')
    embed = '<% set of = {"https://example.org/": site.url} %>\na: |\n  << text("one.json", 2, of) >>\n'
    url = 'https://wiki/#a?b&"c": \n<< d >>'
    text = rendered(tmp_path, embed, site=SimpleNamespace(url=url))
    assert json.loads(yaml.safe_load(text)["a"]) == {"url": url}
    (tmp_path / "one.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"one\.json holds no 'https://example.org/'"):
        rendered(tmp_path, embed, site=SimpleNamespace(url=url))
