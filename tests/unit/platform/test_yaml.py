"""Reading YAML: country codes stay text, numbers stay exact, a key stands once."""

from datetime import date
from decimal import Decimal

import pytest

from accordant.kernel import InvalidInput
from accordant.platform.yaml import read_yaml


class TestReadYaml:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("NO", "NO"),
            ("yes", "yes"),
            ("on", "on"),
            ("true", True),
            ("1_000", 1000),
            ("2026-01-31", date(2026, 1, 31)),
            ("null", None),
            ("1.5.2", "1.5.2"),
            ("1e9", "1e9"),
        ],
    )
    def test_means_what_its_author_wrote(self, text, value):
        document = read_yaml(f"key: {text}", name="x")

        assert document == {"key": value}
        assert type(document["key"]) is type(value)

    def test_keeps_the_digits_of_a_number(self):
        numbers = read_yaml("[0.10, -12.50, +3.25]", name="x")

        assert [str(number) for number in numbers] == ["0.10", "-12.50", "3.25"]
        assert {type(number) for number in numbers} == {Decimal}

    def test_refuses_a_key_written_twice(self):
        with pytest.raises(InvalidInput, match="x is not valid YAML: `a` is written twice"):
            read_yaml("a: 1\nb: 2\na: 3", name="x")

    def test_lets_a_merged_key_be_written_over(self):
        document = read_yaml("rows: [&first {a: 1, b: 2}, {<<: *first, b: 3}]", name="x")

        assert document["rows"][1] == {"a": 1, "b": 3}

    def test_builds_no_object_of_python(self):
        with pytest.raises(InvalidInput):
            read_yaml("!!python/object/apply:os.getcwd []", name="x")
