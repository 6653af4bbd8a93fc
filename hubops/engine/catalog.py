"""The catalog: the checks that hubops ships and those of every `--checks DIR`, with the site's settings judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from hubops.config import CheckSettings, Config, Ignore
from hubops.content import folder
from hubops.engine import checkfile
from hubops.engine.ignores import IGNORE_EXPIRED
from hubops.engine.parameters import ParameterError, arguments, meant, same_kind
from hubops.engine.probe import Probe
from hubops.engine.probes import PROBES
from hubops.errors import ConfigError, UsageError
from hubops.model.check import Check, Round


@dataclass(frozen=True)
class Problem:
    """Why a check cannot be used: one sentence with file and key. The check is unknown and the run ends with 64."""

    check: str
    message: str


@dataclass(frozen=True)
class Catalog:
    """The checks that can be used, by id, and what is wrong with the others."""

    checks: tuple[Check, ...]
    problems: tuple[Problem, ...] = ()

    def of_round(self, name: Round) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if name in check.rounds)

    def named(self, ids: Iterable[str]) -> tuple[Check, ...]:
        """The checks with these *ids*, in the order asked.

        Raises UsageError for an id that does not exist, and ConfigError for one whose file cannot be used.
        """
        return tuple(self.get(name) for name in dict.fromkeys(ids))

    def get(self, name: str) -> Check:
        """The check with the id *name*; raises as `named` does."""
        for check in self.checks:
            if check.id == name:
                return check
        for problem in self.problems:
            if problem.check == name:
                raise ConfigError(problem.message)
        raise UsageError(f"there is no check {name!r}{meant(name, [check.id for check in self.checks])}")


def load(
    folders: Sequence[Path] = (),
    config: Config | None = None,
    *,
    settings: str = "hubops.yaml",
    shipped: Path | None = None,
    probes: Mapping[str, Probe] = PROBES,
) -> Catalog:
    """The shipped checks, then those of *folders*; *settings* is how messages name the file of *config*.

    A file that cannot be used is a problem of the catalog, never the end of the load.
    """
    site = config or Config()
    found: dict[str, Check] = {IGNORE_EXPIRED.id: IGNORE_EXPIRED}
    problems: list[Problem] = []
    for directory, name in ((shipped or folder("checks"), "hubops/checks"), *((item, str(item)) for item in folders)):
        problems.extend(_add(found, directory, name, probes))
    known = found.keys() | {problem.check for problem in problems}
    judged = (
        *_symptoms(found, known),
        *_settings(found, known, site.checks, settings, probes),
        *_ignores(found, known, site.ignores, settings),
    )
    for problem in judged:
        found.pop(problem.check, None)
        problems.append(problem)
    return Catalog(tuple(found[name] for name in sorted(found)), tuple(problems))


def _add(found: dict[str, Check], directory: Path, name: str, probes: Mapping[str, Probe]) -> Iterator[Problem]:
    """Put the checks of *directory* into *found*; gives what is wrong with the others."""
    try:
        paths = sorted(path for path in directory.iterdir() if path.suffix in {".yaml", ".yml"})
    except OSError as error:
        yield Problem(name, f"{name}: {error.strerror or error}")
        return
    if not paths:
        yield Problem(name, f"{name}: there is no check file (*.yaml) in this folder")
    for path in paths:
        origin = f"{name}/{path.name}"
        try:
            check = checkfile.read(path, origin, probes)
            if check.id in found:
                raise ConfigError(f"{origin}: id: {check.id!r} is already the id of {found[check.id].origin}")
            found[check.id] = check
        except ConfigError as error:
            # A check of the same name that can be used must not hide that this one cannot.
            yield Problem(origin if path.stem in found else path.stem, str(error))


def _symptoms(found: Mapping[str, Check], known: Set[str]) -> list[Problem]:
    """A misspelt id in `symptom_of` would silently explain nothing."""
    return [
        Problem(check.id, f"{check.origin}: symptom_of: there is no other check {name!r}{meant(name, found)}")
        for check in found.values()
        for name in check.symptom_of
        if name not in known or name == check.id
    ]


def _settings(
    found: Mapping[str, Check],
    known: Set[str],
    settings: Mapping[str, CheckSettings],
    origin: str,
    probes: Mapping[str, Probe],
) -> list[Problem]:
    """What is wrong with the settings of a site: a check never runs with thresholds that nobody meant."""
    problems = [
        Problem(name, f"{origin}: checks.{name}: there is no such check{meant(name, found)}")
        for name in settings
        if name not in known
    ]
    for name, check in found.items():
        for key, values in _given(settings.get(name, CheckSettings())):
            try:
                _judge(check, {**check.with_, **values}, probes)
            except ParameterError as error:
                problems.append(Problem(name, f"{origin}: checks.{name}.{key}.{error.name}: {error.problem}"))
    return problems


def _ignores(found: Mapping[str, Check], known: Set[str], ignores: Sequence[Ignore], origin: str) -> Iterator[Problem]:
    """A misspelt id in an ignore would ignore nothing, and nobody would know why."""
    for place, rule in enumerate(ignores):
        if not any(fnmatchcase(name, rule.check) for name in known):
            yield Problem(
                rule.check,
                f"{origin}: ignores[{place}].check: there is no check {rule.check!r}{meant(rule.check, found)}",
            )


def _given(settings: CheckSettings) -> Iterator[tuple[str, dict[str, object]]]:
    if settings.with_:
        yield "with", settings.with_
    for namespace, values in settings.namespaces.items():
        yield f"namespaces.{namespace}", values


def _judge(check: Check, values: dict[str, object], probes: Mapping[str, Probe]) -> None:
    if check.probe:
        arguments(probes[check.probe], values)
    for name in () if check.probe else values:
        if name not in check.with_:
            raise ParameterError(name, f"the check has no such threshold{meant(name, check.with_)}")
        same_kind(name, values[name], check.with_[name])
