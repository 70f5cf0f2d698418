"""Aligning, wrapping, cutting and cleaning, for any width."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from autopilot.cli.render.blocks import Column, Paragraph, Span, Style, Table, line, table
from autopilot.cli.render.layout import clean, lines, plain, text_of

words = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=12)
sentences = st.lists(words, min_size=1, max_size=30).map(" ".join)


def shown(block: Paragraph | Table, width: int | None) -> list[str]:
    return [text_of(item) for item in lines((block,), width)]


TABLE = table(
    (Column("symbol"), Column("price", right=True), Column("strategy", rank=2, shrink_to=8), Column("id", rank=1)),
    [
        ("BTC/USD", "64,250.00", "bollinger_mean_reversion", "a1"),
        ("ETH/USD", "3,120.50", Span("rsi", Style.GOOD), "b2"),
    ],
)


def test_a_pipe_gets_every_column_in_full() -> None:
    assert shown(TABLE, None) == [
        "symbol       price  strategy                  id",
        "BTC/USD  64,250.00  bollinger_mean_reversion  a1",
        "ETH/USD   3,120.50  rsi                       b2",
    ]


def test_a_narrow_terminal_cuts_what_may_be_cut_before_it_leaves_a_column_out() -> None:
    assert shown(TABLE, 34) == [
        "symbol       price  strategy    id",
        "──────────────────────────────────",
        "BTC/USD  64,250.00  bollinger…  a1",
        "ETH/USD   3,120.50  rsi         b2",
    ]
    assert shown(TABLE, 30)[0] == "symbol       price  id"
    assert shown(TABLE, 20)[0] == "symbol       price"
    assert shown(TABLE, 15)[::2] == ["sym…      price", "BTC…  64,250.00"]


@given(st.integers(5, 200))
def test_a_table_never_leaves_its_terminal(width: int) -> None:
    assert max(map(len, shown(TABLE, width))) <= width


RANKLESS = table(
    (Column("what"), Column("one", right=True), Column("other", right=True)), [("a long name", "1,234.56", "6,543.21")]
)


def test_columns_of_equal_rank_are_dropped_from_the_right_and_numbers_are_cut_last() -> None:
    assert shown(RANKLESS, 31)[2] == "a long name  1,234.56  6,543.21"
    assert shown(RANKLESS, 30)[2] == "a long name  1,234.56"
    assert shown(RANKLESS, 17)[2] == "a long…  1,234.56"


@given(sentences, st.integers(20, 120), st.integers(0, 8))
def test_wrapping_keeps_every_word_and_every_width(text: str, width: int, hang: int) -> None:
    wrapped = shown(line(text, hang=hang), width)
    assert all(len(item) <= width for item in wrapped)
    assert " ".join(wrapped).split() == text.split()
    assert all(item.startswith(" " * hang) for item in wrapped[1:])


@given(st.text(" ab", max_size=40), st.integers(1, 12), st.integers(0, 3))
def test_wrapping_breaks_where_a_regular_expression_would(text: str, width: int, hang: int) -> None:
    pattern = rf" *[^ ]{{1,{max(1, width - hang)}}}| +"
    expected, used = [""], 0
    for word in re.findall(pattern, text):
        fitting = word
        if used and used + len(word) > width:
            expected.append("")
            fitting, used = " " * hang + word.lstrip(), 0
        expected[-1] += fitting
        used += len(fitting)
    if len(text.rstrip()) > width:
        assert shown(line(text, hang=hang), width) == [item.rstrip() for item in expected]


def test_a_word_longer_than_the_terminal_is_broken() -> None:
    assert shown(line("  hash " + 25 * "a", hang=2), 12) == ["  hash", "  aaaaaaaaaa", "  aaaaaaaaaa", "  aaaaa"]


def test_wrapping_keeps_each_words_style() -> None:
    paragraph = Paragraph((Span("all is well "), Span("but this is not", Style.BAD)))
    bad = [span.text for item in lines((paragraph,), 20) for span in item if span.style is Style.BAD]
    assert " ".join(bad).split() == ["but", "this", "is", "not"]


@given(st.text())
def test_nothing_from_outside_steers_the_terminal(text: str) -> None:
    assert all(
        character.isprintable() or not (ord(character) < 32 or 127 <= ord(character) < 160) for character in clean(text)
    )


def test_a_line_break_from_outside_makes_no_second_line() -> None:
    assert plain((line("one\ntwo\r\x1b[31m"),)) == ["one two\ufffd\ufffd[31m"]
