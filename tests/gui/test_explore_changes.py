"""What changes while the Explore panel shows it: tables, layers, classes; and layers of every kind and place."""

import numpy as np
import pytest

from bioloom import layers

pytestmark = pytest.mark.usefixtures("cold")


@pytest.fixture
def measured(user, blobs):
    """Return a function that adds blobs, measures them, and opens the Explore panel on them."""
    from bioloom.measure import measure

    def add(**placed):
        labels, image, _ = blobs(n_side=5)
        user.viewer.add_image(image, name="image", **placed)
        layer = user.viewer.add_labels(labels, name="blobs", **placed)
        layers.add_features(layer, measure(labels))
        explore = user.open("Explore")
        explore.labels.choose(layer)
        user.look()
        return explore, layer

    return add


def test_other_measurements_are_checked_when_none_of_the_chosen_ones_is_left(user, measured, errors):
    explore, layer = measured()
    explore.columns.set_checked({"area", "eccentricity"})
    keys = layer.features[["index", "label"]]
    layer.features = layer.features.drop(columns="area")
    user.look()
    assert explore.columns.checked() == ["eccentricity"], "a choice stays"
    layer.features = keys.assign(**{"centroid-0": 1.0, "bright": np.arange(25.0), "even": np.arange(25) % 2 * 1.0})
    user.look()
    assert explore.columns.checked() == ["bright", "even"]
    explore.cluster_button.click()
    user.wait(explore)
    assert "KMEANS_CLUSTER" in layer.features.columns
    explore.data.none_button.click()
    layer.features = layer.features.assign(more=np.arange(25.0))
    user.look()
    assert explore.columns.checked() == [], "the user wants none"
    assert not errors
