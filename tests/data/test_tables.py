"""Tables of labelled texts give back what was written, and name the row that is wrong."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyseq.data import DataError, table

values = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff"), min_size=1, max_size=8)
cells = values.map(str.strip).filter(bool)
rows = st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=5)
separators = st.sampled_from([("comma", ","), ("semicolon", ";"), ("|", "|")])


@given(rows, separators, st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_csv_gives_back_the_pairs_by_name_and_by_number(given, separator, header, end):
    name, character = separator
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=character, lineterminator=end)
    writer.writerows([("id", "what", "said"), *given] if header else given)
    columns = {"label_column": "what", "text_column": "said"} if header else {"label_column": "2", "text_column": "3"}
    found = table.parse(text.getvalue(), separator=name, **columns)
    assert found == [(label, said) for _, label, said in given]


@given(rows)
def test_tabs_separate_whatever_else_is_in_the_cells(given):
    """A quote is a character like any other."""
    text = "".join("\t".join(row) + "\n" for row in given)
    assert table.parse(text, label_column="3", text_column="1", separator="tab") == [(row[2], row[0]) for row in given]


def test_a_quoted_text_may_have_several_lines_and_rows_are_numbered_by_their_first():
    text = 'label,text\ngood,"warm\n and funny"\n\nbad\n'
    with pytest.raises(DataError, match=r"<text>, line 5: 1 columns in 'bad'; expected 2 as in the header"):
        table.parse(text)
    assert table.parse(text[:-4]) == [("good", "warm\n and funny")]


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("label,review\ngood,warm", {}, "line 1: the header has only 'label', 'review'; expected one column 'text'"),
        ("label,text,text\na,b,c", {}, "line 1: the header has 2 columns 'text'; expected one column 'text'"),
        ("label,text\ngood,a,b", {}, "line 2: 3 columns in 'good,a,b'; expected 2 as in the header"),
        ("label,text\n,a", {}, "line 2: no label in ',a'"),
        ("label,text\n\ngood, ", {}, "line 3: no text in 'good,'"),
        ('label,text\ngood,"a', {}, "line 2: a row that cannot be split"),
        ("a\nb,c", {"label_column": "1", "text_column": "2"}, "line 1: 1 columns in 'a'; expected at least 2"),
        ("a,b\nc", {"label_column": "1", "text_column": "2"}, "line 2: 1 columns in 'c'; expected 2 as in the first"),
        ("\n\n", {}, "only blank lines"),
    ],
)
def test_a_bad_row_is_named(text, options, said):
    with pytest.raises(DataError) as error:
        table.parse(text, **options)
    assert said in str(error.value)


@given(rows, st.booleans(), st.integers(0, 4))
def test_a_text_with_a_separator_that_is_not_quoted_is_named_and_not_cut_short(given, header, place):
    """Also in a table without a header, whose first row says how many columns there are."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("id", "label", "text"), *given])
    written = text.getvalue().split("\n")[0 if header else 1 : -1]
    columns = {} if header else {"label_column": "2", "text_column": "3"}
    assert table.parse("\n".join(written), **columns) == [(label, said) for _, label, said in given]
    place = min(place, len(given) - 1) + 1
    written.insert(place, "7,good,warm,and funny")
    with pytest.raises(DataError, match=rf"line {place + 1}: 4 columns in '7,good,warm,and funny'; expected 3 as in"):
        table.parse("\n".join(written), **columns)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"label_column": "1"},
            "must both be names or both be numbers, got '1' and 'text'",
        ),
        (
            {"label_column": "0", "text_column": "1"},
            "label_column must be the name of a column or its number from 1",
        ),
        ({"separator": "colon"}, "separator must be comma, tab, semicolon or another character, got 'colon'"),
    ],
)
def test_an_option_that_cannot_be_is_named(options, said):
    with pytest.raises(ValueError, match=said):
        table.parse("label,text\na,b", **options)
