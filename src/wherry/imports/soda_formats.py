"""SodaCL's named formats, as regular expressions."""

from __future__ import annotations

_POINT, _COMMA, _EITHER = r"\.", ",", r"[\.,]"
_CURRENCY = r"([A-Z]{3}|[a-z]{3})"
_MONTH, _DAY, _YEAR = r"(0?[1-9]|1[012])", r"(0?[1-9]|[12][0-9]|3[01])", r"([12][0-9])?\d\d"
_BETWEEN = r"[-\./]"
_HOUR, _HALF_DAY, _SIXTY, _FRACTION = r"(0?[0-9]|[01]\d|2[0-3])", r"(0?[0-9]|1[0-2])", "[0-5]?[0-9]", r"([.,]\d+)?"
_LETTER = "a-zA-ZÀ-ÿĀ-ſƀ-ȳ0-9.\\-_%"


def _number(mark: str) -> str:
    """Digits, and more after the mark of a fraction."""
    return rf"(\d+({mark}\d+)?|({mark}\d+))"


def _zero(mark: str) -> str:
    return rf"(0+({mark}0+)?|({mark}0+))"


def _signed(number: str, zero: str, after: str = "") -> dict[str, str]:
    """Of any sign, positive, negative; zero is both."""
    return {
        "": rf"^ *[-+]? *{number} *{after}$",
        "positive ": rf"^ *\+? *{number} *{after}$",
        "negative ": rf"^ *(\- *{number}|{zero}) *{after}$",
    }


def _all() -> dict[str, str]:
    formats: dict[str, str] = {}
    for sign, pattern in _signed("[0-9]+", "0+").items():
        formats[f"{sign}integer"] = pattern
    for suffix, mark in (("", _EITHER), (" point", _POINT), (" comma", _COMMA)):
        for sign, pattern in _signed(_number(mark), _zero(mark)).items():
            formats[f"{sign}decimal{suffix}"] = pattern
        for sign, pattern in _signed(_number(mark), _zero(mark), "% *").items():
            formats[f"{sign}percentage{suffix}"] = pattern
    formats["money"] = rf"^ *[-+]? *{_number(_EITHER)} *{_CURRENCY} *$"
    # SodaCL lets any character stand before the fraction of `money point`.
    formats["money point"] = rf"^ *[-+]? *\d{{1,3}}(,\d\d\d)*(.\d+)? *{_CURRENCY} *$"
    formats["money comma"] = rf"^ *[-+]? *\d{{1,3}}(\.\d\d\d)*(,\d+)? *{_CURRENCY} *$"
    formats["date us"] = rf"^ *{_MONTH}{_BETWEEN}{_DAY}{_BETWEEN}{_YEAR} *$"
    formats["date eu"] = rf"^ *{_DAY}{_BETWEEN}{_MONTH}{_BETWEEN}{_YEAR} *$"
    formats["date inverse"] = rf"^ *{_YEAR}{_BETWEEN}{_MONTH}{_BETWEEN}{_DAY} *$"
    day = r"((0[1-9]|1[012])-?(0[1-9]|[12][0-9]|3[01])|W[0-5]\d(-?[1-7])?|[0-3]\d\d)"
    clock = rf"{_HOUR}(:?[0-5][0-9](:?[0-5][0-9]{_FRACTION})?)?"
    formats["date iso 8601"] = rf"^ *[12][0-9]{{3}}-?{day}([ T]{clock}([+-]{_HOUR}:?[0-5][0-9]|Z)?)? *$"
    for name, hour in (("24h", _HOUR), ("12h", _HALF_DAY)):
        formats[f"time {name}"] = rf"^ *{hour}:{_SIXTY}(:{_SIXTY}{_FRACTION})? *$"
        formats[f"time {name} nosec"] = rf"^ *{hour}:{_SIXTY} *$"
        formats[f"timestamp {name}"] = rf"^ *{hour}:{_SIXTY}:{_SIXTY}{_FRACTION} *$"
    h = "[0-9a-fA-F]"
    formats["uuid"] = rf"^{h}{{8}}-{h}{{4}}-{h}{{4}}-{h}{{4}}-{h}{{12}}$"
    formats["ip address"] = formats["ipv4 address"] = r"^[0-9]{1,3}(\.[0-9]{1,3}){3}$"
    formats["ipv6 address"] = _ipv6(f"{h}{{1,4}}")
    formats["email"] = rf"^[{_LETTER}+]+@[{_LETTER}]+\.[A-Za-z]{{2,4}}$"
    formats["phone number"] = r"^((\+[0-9]{1,2}\s)?\(?[0-9]{3}\)?[\s.-])?[0-9]{3}[\s.-][0-9]{4}$"
    # Its alternatives are not bracketed in SodaCL: ^ and $ bind to the first and the last alone.
    formats["credit card number"] = r"^[0-9]{14}|[0-9]{15,19}|([0-9]{4}-){3}[0-9]{4}|([0-9]{4} ){3}[0-9]{4}$"
    return formats


def _ipv6(group: str) -> str:
    byte = "(25[0-5]|(2[0-4]|1?[0-9])?[0-9])"
    v4 = rf"({byte}\.){{3}}{byte}"
    forms = [f"({group}:){{7}}{group}", f"({group}:){{1,7}}:"]
    forms += [f"({group}:){{1,{7 - n}}}(:{group}){{1,{n}}}" for n in range(1, 7)]
    forms += [
        f":((:{group}){{1,7}}|:)",
        "fe80:(:[0-9a-fA-F]{0,4}){0,4}%[0-9a-zA-Z]+",
        f"::(ffff(:0{{1,4}})?:)?{v4}",
        f"({group}:){{1,4}}:{v4}",
    ]
    return f"^({'|'.join(forms)})$"


FORMATS = _all()


def is_number(name: str) -> bool:
    """Whether SodaCL's numeric metrics read text of that format as numbers."""
    return any(word in ("integer", "decimal", "percentage", "money") for word in name.split())
