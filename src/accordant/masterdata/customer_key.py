"""What a customer is found by, normalized: tax number, LEI, name without its legal form."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import stdnum
from stdnum import lei as lei_number

from accordant.canonical import Customer

# Endings that say what kind of company it is, not which; folded, without dots.
_LEGAL_FORMS = frozenset(
    [
        *("ltd", "limited", "plc", "llp", "llc", "lp", "inc", "incorporated", "corp", "corporation", "co", "company"),
        *("gmbh", "ag", "kg", "kgaa", "ohg", "ug", "se", "mbh", "ev"),
        *("sa", "sas", "sasu", "sarl", "srl", "spa", "sl", "slu", "bv", "nv", "cv", "vof", "bvba"),
        *("ab", "as", "asa", "aps", "oy", "oyj", "hf", "ehf", "doo", "sro", "kft", "zrt", "spzoo"),
        *("pty", "pte", "bhd", "sdn", "kk", "pvt", "private"),
    ]
)
_VAT_COUNTRY = {"EL": "GR", "XI": "GB"}
_CHECK = {"CH": "uid"}  # the Swiss tax number is the company number with a language's ending
_SWISS_ENDING = re.compile(r"(?<=\d)(MWST|TVA|IVA|TPV)$")
_NOT_WORD = re.compile(r"[^\w\s]|_")


@dataclass(frozen=True, slots=True)
class CustomerKey:
    """A customer, reduced to what two records of one client have in common; '' is unknown.

    Args:
        name: folded name without legal form.
        country: ISO 3166-1 alpha-2.
        vat: tax number with its country prefix.
        vat_valid: whether the number passes its country's own check; without a known check it is False.
        lei: LEI that passes its check, else ''.
    """

    id: str
    name: str
    country: str
    vat: str
    vat_valid: bool
    lei: str

    @property
    def locks(self) -> list[str]:
        """Names of what two records of one client share, in one order for everybody."""
        keys = [f"name:{self.name[:3]}"]
        keys += [f"vat:{self.vat}"] if self.vat else []
        keys += [f"lei:{self.lei}"] if self.lei else []
        return sorted(keys)


def key_of(customer: Customer) -> CustomerKey:
    """Reduce a customer to its match key."""
    vat, valid = fold_vat(customer.vat_number or "", customer.country or "")
    lei = lei_number.compact(customer.lei) if customer.lei and lei_number.is_valid(customer.lei) else ""
    return CustomerKey(customer.id, fold_name(customer.name), customer.country or "", vat, valid, lei)


def fold_name(name: str) -> str:
    """Return a name as it is compared: no accents, case, punctuation, legal form.

    >>> fold_name("Brüggemann & Söhne GmbH & Co. KG")
    'bruggemann and sohne'
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", name).casefold() if not unicodedata.combining(c))
    plain = plain.replace("&", " and ").replace(".", "").replace("'", "").replace("’", "")
    plain = re.sub(r"(?<=\b[as])/(?=s\b)", "", plain)  # A/S
    words = _NOT_WORD.sub(" ", plain).split()
    kept = list(words)
    while len(kept) > 1 and (kept[-1] in _LEGAL_FORMS or (kept[-1] == "and" and len(kept) < len(words))):
        kept.pop()
    return " ".join(kept)


def fold_vat(number: str, country: str) -> tuple[str, bool]:
    """Return a tax number with its country prefix, and whether it passes that country's check.

    A number without prefix is read in the customer's country. ('', False) when there is none.
    """
    compact = _SWISS_ENDING.sub("", re.sub(r"[^A-Z0-9]", "", number.upper()))
    if not compact:
        return "", False
    prefixed = compact[:2].isalpha()
    prefix = compact[:2] if prefixed else country
    code = _VAT_COUNTRY.get(prefix, prefix)
    rest = compact[2:] if prefixed else compact
    check = stdnum.get_cc_module(code.lower(), _CHECK.get(code, "vat")) if code else None
    for text in (compact, rest):
        if check is not None and check.is_valid(text):
            return f"{code}{str(check.compact(text)).removeprefix(code)}", True
    return f"{code}{rest}", False
