"""What audits say, held to what the spaces of the ledger are worth."""

import csv

import numpy as np
import pytest
from benchmarks.ledger import TABLE
from benchmarks.ledger_page import agreement, best, held_apart, parted, statements
from benchmarks.ledger_words import ASKED, STATEMENTS


@pytest.fixture(scope="module")
def rows():
    with TABLE.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_first_sentence_agrees_with_outcomes_that_were_measured_apart(rows):
    old, fresh = parted(rows)
    assert len(old) >= 150
    assert len(fresh) >= 40
    low, high = np.quantile([best(row) for row in old], [0.25, 0.75])
    assert not [row["name"] for row in rows if best(row) > high and row["says_worth"] == "poor"]
    assert not [row["name"] for row in rows if best(row) <= low and row["says_worth"] == "good"]
    apart = [row for row in old if held_apart(row)]
    assert 0.2 < len(apart) / len(old) < 0.5
    assert agreement(apart) >= 0.9
    assert agreement(fresh) >= 0.9


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda one: one.text)
def test_each_statement_holds_where_it_is_made(rows, statement):
    said = [row for row in rows if statement.said(row)]
    wrong = [row["name"] for row in said if not statement.holds(row)]
    assert len(wrong) <= max(1, 0.05 * len(said)), wrong


def test_every_statement_can_fail(rows):
    """Each is made of some space, and outcomes of the other end contradict it."""
    ends = [{f"outcome_{name}": end for name in ASKED} for end in ("1", "0", "0.5")]
    for one in STATEMENTS[:-1]:
        row = rows[0] | {"largest": "0"}
        assert not all(one.holds(row | end) for end in ends), one.text


def test_the_page_names_what_failed(rows):
    fresh = next(row for row in rows if row["fresh"] and row["says_worth"] == "good")
    wrong = fresh | {f"outcome_{name}": "0" for name in ASKED}
    wrong["name"] = "a space that is told wrongly"
    said = "\n".join(statements([*rows, wrong]))
    assert "a space that is told wrongly*: the classes can be told apart" in said
    assert "told wrongly" not in "\n".join(statements(rows))
