"""Made-up names, addresses and numbers; plausible, hostile to careless code, and nobody's."""

from __future__ import annotations

import string
import unicodedata
from random import Random

from stdnum import get_cc_module
from stdnum.iso7064 import mod_97_10

FIRST_NAMES = (
    "Adil", "Bryn", "Cosima", "Darya", "Edda", "Fenn", "Gwil", "Hedvig", "Ilse", "Jorun", "Kaya", "Lennart", "Mirela",
    "Nadim", "Oona", "Piers", "Quilla", "Runa", "Søren", "Tamsin", "Ulla", "Viggo", "Wanda", "Xenia", "Yorick", "Zora",
)  # fmt: skip
LAST_NAMES = (
    "O'Brannagh", "Vössler", "Ash-Tarrant", "Nykvist", "de Lorme", "Trevannick", "Szalai", "Ferrow", "Dunmere",
    "Kästrich", "Halloway", "Ibsenne", "Lindqvale", "Mac an Tuir", "Östrand", "Peverel", "Quarrie", "Roškova",
    "Straßfeld", "Thorne-Lacy", "Umberleigh", "Veldman", "Wexcombe", "Yarrowby", "Zieliński-Orr",
)  # fmt: skip
# Name, country, city, street, postal code, entity; countries and forms are chosen to reach every tax treatment.
COMPANIES = (
    ("Larchfield & Moss Ltd", "GB", "Leeds", "4 Tannery Row", "LS1 4AB", "uk01"),
    ("Ostwind Maschinenbau GmbH", "DE", "Köln", "Gewürzmühlstraße 17", "50667", "de01"),
    ("Copperline Logistics, Inc.", "US", "Columbus, OH", "1200 Buckthorn Ave", "43004", "us01"),
    ("O'Hanrahan Foods plc", "GB", "Bristol", "9 Quay Street", "BS1 2CD", "uk01"),
    ("Brückner & Söhne KG", "DE", "Nürnberg", "Am Färbergraben 3", "90402", "de01"),
    ('Three "Rivers" Health LLC', "US", "Pittsburgh, PA", "88 Confluence Way", "15201", "us01"),
    ("Clonakell Dairies DAC", "IE", "Cork", "Unit 5, Marsh Lane", "T12 X8Y9", "uk01"),
    ("Grünwald Energie AG", "AT", "Graz", "Lendkai 40", "8020", "de01"),
    ("Prairie Mutual (Holdings)", "US", "Topeka, KS", "1 Sunflower Plaza", "66603", "us01"),
    ("Société Bellerive d'Eau", "FR", "Nantes", "12 quai de l'Aubépine", "44000", "uk01"),
    ("Duinrand Verzekeringen B.V.", "NL", "Haarlem", "Zeeweg 101", "2011 AA", "de01"),
    ("Nordhang Holding AG", "CH", "Zug", "Seestrasse 8", "6300", "de01"),
)  # fmt: skip
# The same client once more: by its tax number for sure; without one, a doubt for a person.
DUPLICATES = (("Larchfield and Moss Limited", 0, True), ("Copperline Logistics", 2, False))
# The parent of a client, by position in COMPANIES.
PARENTS = {4: 1, 7: 11}
WORK = (
    "Ledger review", "Warehouse move", "Pricing model", "Claims platform", "Data office", "Plant safety", "Cloud exit",
    "Merger office", "Service desk", "Tax engine", "Fleet planning", "Grid forecast", "Store opening", "Payroll switch",
    "Access cleanup", "Month-end close",
)  # fmt: skip
NOTES = (
    "Workshop with the client", "Follow-up on yesterday's questions", "Draft report, §3 and §4",
    "Interviews (2×)", "Data load & checks", "",
    "Call with Düsseldorf", 'Review "as is" process', "Travel; no expenses",
    "Fix defects from test round 2", "Steering committee", "Handover notes",
)  # fmt: skip

_VAT_SHAPES = {
    "GB": "GB#########", "DE": "DE#########", "IE": "IE#######@", "AT": "ATU########", "FR": "FR###########",
    "NL": "NL#########B##", "CH": "CHE#########MWST",
}  # fmt: skip


def mailbox(first_name: str, last_name: str, domain: str) -> str:
    """Return a mail address without anything that is not plain ASCII: Vössler → vossler."""
    plain = unicodedata.normalize("NFKD", f"{first_name}.{last_name}".lower().replace("ß", "ss").replace("ø", "o"))
    kept = (c for c in plain if c in string.ascii_lowercase + string.digits + ".-")
    return f"{''.join(kept)}@{domain}"


def vat_number(country: str, random: Random) -> str | None:
    """Return a made-up tax number whose checksum holds; None for a country without one."""
    shape = _VAT_SHAPES.get(country)
    if shape is None:
        return None
    check = get_cc_module(country, "vat")
    if check is None:
        raise ValueError(f"nothing is known of tax numbers in {country}")
    while True:
        number = "".join(_filled(c, random) for c in shape)
        if check.is_valid(number):
            return number


def made_up_lei(random: Random) -> str:
    """Return a made-up Legal Entity Identifier whose check digits hold."""
    body = "".join(random.choices(string.ascii_uppercase + string.digits, k=16))
    stem = f"00{body}"
    return stem + mod_97_10.calc_check_digits(stem)


def _filled(mark: str, random: Random) -> str:
    if mark == "#":
        return random.choice(string.digits)
    return random.choice(string.ascii_uppercase) if mark == "@" else mark
