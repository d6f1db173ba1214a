"""How values of each format look: for each a function from a SQL text to the condition that it is written so."""

from collections.abc import Callable, Iterator

from wherry.checks.format.codes import COUNTRIES, CURRENCIES, IBAN_LENGTHS
from wherry.quoting import literals, text

Looks = Callable[[str], str]


def _whole(pattern: str) -> Looks:
    """The pattern (RE2) fits all of the text."""
    return lambda x: f"regexp_full_match({x}, {text(pattern)})"


_BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = rf"({_BYTE}\.){{3}}{_BYTE}"
_GROUP = "[0-9A-Fa-f]{1,4}"
# RFC 4291, section 2.2: eight groups; one run of zeros may be left out, and the last two may be an IPv4 address.
_IPV6 = "|".join(
    [
        f"({_GROUP}:){{7}}({_GROUP}|:)",
        f"({_GROUP}:){{6}}({_IPV4}|:{_GROUP}|:)",
        *(
            f"({_GROUP}:){{{before}}}((:{_GROUP}){{1,{7 - before}}}|(:{_GROUP}){{0,{5 - before}}}:{_IPV4}|:)"
            for before in range(1, 6)
        ),
        f":((:{_GROUP}){{1,7}}|(:{_GROUP}){{0,5}}:{_IPV4}|:)",
    ]
)
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_DATE = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?"
_ZONE = "(Z|[+-][0-9]{2}(:?[0-9]{2})?)?"
_NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"


def _real(pattern: str, kind: str) -> Looks:
    """The pattern fits, and there is such a day: no 30 February."""
    return lambda x: f"CASE WHEN {_whole(pattern)(x)} THEN TRY_CAST({x} AS {kind}) IS NOT NULL ELSE {x} IS NULL END"


def _iban(x: str) -> str:
    """ISO 13616: the length of its country, and ISO 7064 MOD 97-10 over the text with its first four characters last
    and letters as 10 to 35; spaces are as good as none."""
    compact = f"replace({x}, ' ', '')"
    turned = f"string_split(substr({compact}, 5) || substr({compact}, 1, 4), '')"
    numbers = f"list_transform({turned}, lambda c: CASE WHEN c >= 'A' THEN ascii(c) - 55 ELSE ascii(c) - 48 END)"
    rest = f"list_reduce({numbers}, lambda a, b: (a * CASE WHEN b > 9 THEN 100 ELSE 10 END + b) % 97)"
    shape = _whole("|".join(_iban_shapes()))(compact)
    # Most have no letters but those of their country: one number of at most 36 digits, and ten times as fast.
    letters = " || ".join(f"CAST(ascii(substr({compact}, {place}, 1)) - 55 AS VARCHAR)" for place in (1, 2))
    number = f"CAST(substr({compact}, 5) || {letters} || substr({compact}, 3, 2) AS HUGEINT)"
    plain = _whole("[A-Z]{2}[0-9]+")(compact)
    return (
        f"CASE WHEN {x} IS NULL THEN NULL WHEN NOT {shape} THEN false "
        f"WHEN {plain} THEN {number} % 97 = 1 ELSE {rest} = 1 END"
    )


def _iban_shapes() -> Iterator[str]:
    """For each length the countries that have it."""
    for length in sorted(set(IBAN_LENGTHS.values())):
        countries = "|".join(country for country, own in IBAN_LENGTHS.items() if own == length)
        yield f"({countries})[0-9]{{2}}[A-Z0-9]{{{length - 4}}}"


def _credit_card(x: str) -> str:
    """ISO/IEC 7812: 12 to 19 digits of which the last is Luhn's; spaces and hyphens are as good as none."""
    compact = f"replace(replace({x}, ' ', ''), '-', '')"
    digit = "(ascii(c) - 48)"
    weight = f"CASE WHEN i % 2 = 1 THEN {digit} WHEN {digit} > 4 THEN {digit} * 2 - 9 ELSE {digit} * 2 END"
    total = f"list_sum(list_transform(string_split(reverse({compact}), ''), lambda c, i: {weight}))"
    shape = _whole("[0-9]{12,19}")(compact)
    return f"CASE WHEN {x} IS NULL THEN NULL WHEN {shape} THEN {total} % 10 = 0 ELSE false END"


def _phone(x: str) -> str:
    """ITU-T E.164, with the country; spaces, dots, hyphens and round brackets are as good as none."""
    return _whole(r"\+[1-9][0-9]{6,14}")(f"regexp_replace({x}, '[ ().-]', '', 'g')")


def _any_date(x: str) -> str:
    """A day or moment in one of the ways that are common and mean one day only."""
    ways = [
        "%Y/%m/%d",
        "%d.%m.%Y",
        "%d %b %Y",
        "%d %B %Y",
        "%b %d %Y",
        "%b %d, %Y",
        "%B %d %Y",
        "%B %d, %Y",
        "%m/%d/%Y",
    ]
    ways += [f"{way} %H:%M:%S" for way in ways] + ["%Y%m%d", "%d-%b-%Y", "%a, %d %b %Y %H:%M:%S", "%d/%m/%Y"]
    parsed = f"try_strptime({x}, [{literals(ways)}])"
    iso = f"TRY_CAST({x} AS TIMESTAMP WITH TIME ZONE) IS NOT NULL"
    return f"CASE WHEN {x} IS NULL OR {iso} THEN true ELSE {parsed} IS NOT NULL END"


#: Name of a format -> how it looks. "As good as none" means that it may be written or not.
FORMATS: dict[str, Looks] = {
    "email": _whole(rf"{_ATOM}(\.{_ATOM})*@({_LABEL}\.)+{_LABEL}"),
    "uuid": _whole("[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"),
    "url": _whole(rf"(?i)(https?|ftp)://(({_LABEL}\.)*{_LABEL}|{_IPV4}|\[[0-9a-f:.]+\])(:[0-9]{{1,5}})?([/?#]\S*)?"),
    "ipv4": _whole(_IPV4),
    "ipv6": _whole(_IPV6),
    "ip": _whole(f"{_IPV4}|{_IPV6}"),
    "iban": _iban,
    "credit_card": _credit_card,
    "phone": _phone,
    "hostname": lambda x: f"({_whole(rf'({_LABEL}[.])*{_LABEL}')(x)} AND length({x}) <= 253)",
    "mac": _whole("([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}|([0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}"),
    "country": lambda x: f"{x} IN ({literals(COUNTRIES)})",
    "currency": lambda x: f"{x} IN ({literals(CURRENCIES)})",
    "date": _real(_DATE, "DATE"),
    "time": _whole(_TIME),
    "datetime": _real(f"{_DATE}[T ]{_TIME}{_ZONE}", "TIMESTAMP WITH TIME ZONE"),
    "any_date": _any_date,
    "number": _whole(_NUMBER),
    "integer": _whole("[+-]?[0-9]+"),
    "percent": _whole(rf"{_NUMBER} ?%"),
    "lower": lambda x: f"{x} = lower({x})",
    "upper": lambda x: f"{x} = upper({x})",
    "trimmed": lambda x: f"NOT regexp_matches({x}, '^\\s|\\s$')",
    "json": lambda x: f"json_valid({x})",
}
