"""Finding an operation by what was typed, and what is offered next."""

import pytest

from bioloom.recipe.catalogue import CATALOGUE
from bioloom.session import next_steps as hints
from bioloom.session.finding import OperationFinder
from bioloom.session.next_steps import next_steps


@pytest.fixture(scope="module")
def finder():
    return OperationFinder(CATALOGUE.values())


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("otsu", "threshold_otsu"),
        ("OTSU thr", "threshold_otsu"),
        ("tophat", "top_hat"),
        ("top-hat", "top_hat"),
        ("gausian", "gaussian_blur"),
        ("voronoi–otsu", "voronoi_otsu_labeling"),
        ("vorono otsu", "voronoi_otsu_labeling"),
        ("labels at edges", "remove_labels_at_edges"),
        ("nan", "replace_nan"),
    ],
)
def test_it_is_among_the_first_three(finder, typed, name):
    assert name in [o.name for o in finder.find(typed)][:3]


@pytest.mark.parametrize(
    ("typed", "name"), [("gauss", "gaussian_blur"), ("gaus", "gaussian_blur"), ("gauss otsu", "gauss_otsu_labeling")]
)
def test_what_is_still_typed_finds_the_plainest_first(finder, typed, name):
    assert finder.find(typed)[0].name == name


@pytest.mark.parametrize("operation", CATALOGUE.values(), ids=lambda o: o.name)
def test_every_operation_is_first_by_its_own_title(finder, operation):
    assert finder.find(operation.title)[0] is operation
    assert operation in finder.find(operation.name.replace("_", " "))[:3]


@pytest.mark.parametrize("operation", [o for o in CATALOGUE.values() if o.keywords], ids=lambda o: o.name)
def test_names_from_elsewhere_are_found(finder, operation):
    for word in operation.keywords.replace(",", " ").split():
        assert operation in finder.find(word), word


def test_everything_is_listed_without_a_text_and_nothing_for_nonsense(finder):
    assert set(finder.find("  ")) == set(CATALOGUE.values())
    assert finder.find("qqxyzzy") == []


def test_every_word_must_be_found(finder):
    assert finder.find("gaussian qqxyzzy") == []


def test_hints_name_operations_that_there_are():
    named = {
        name
        for table in (hints._AFTER_OPERATION, hints._AFTER_CATEGORY, hints._AFTER_KIND)
        for names in table.values()
        for name in names
    }
    assert named | set(hints._AFTER_OPERATION) <= set(CATALOGUE)
    assert {o.category for o in CATALOGUE.values()} == set(hints._AFTER_CATEGORY)


@pytest.mark.parametrize("operation", [o for o in CATALOGUE.values() if o.returns != "table"], ids=lambda o: o.name)
def test_something_fitting_follows_every_operation(operation):
    found = next_steps(CATALOGUE, operation.returns, operation)
    assert 1 <= len(found) <= 4
    assert operation not in found
    for following in found:
        wanted = following.arrays[0].kind
        assert wanted == operation.returns or {wanted, operation.returns} == {"labels", "mask"}
