"""Times, durations and sentences as documents word them."""

from __future__ import annotations

from datetime import datetime, timedelta


def duration(seconds: float) -> str:
    """*seconds* as a person reads them: 4.2 s, 3 min 20 s, 6 h 5 min, 2 d 3 h."""
    if seconds < 59.5:
        return f"{seconds:.3g} s"
    whole = timedelta(seconds=round(seconds))
    minutes, secs = divmod(whole.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(whole.days, "d"), (hours, "h"), (minutes, "min"), (secs, "s")]
    first = next(index for index, (number, _) in enumerate(parts) if number)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number)


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def sentence(text: str) -> str:
    """*text* with a capital at its beginning and a full stop at its end."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?', ':')) else '.'}"
