"""Filters reach no further than they say, in anisotropic pixels and with other settings than the usual ones, too."""

import numpy as np
import pytest
from scipy import ndimage

from bioloom import operations

da = pytest.importorskip("dask.array")

CALLS = [
    ("gaussian_blur", {"sigma": 2.0}),
    ("mean_filter", {"radius": 2.0}),
    ("median", {"radius": 2.0}),
    ("percentile_filter", {"radius": 3.0, "percentile": 20}),
    ("binomial_blur", {"repetitions": 4}),
    ("bilateral_filter", {"sigma": 1.5, "sigma_intensity": 30.0}),
    ("bilateral_filter", {"sigma": 1.5}),
    ("non_local_means", {"noise": 5.0, "patch_radius": 1, "search_radius": 3}),
    ("curvature_flow", {"iterations": 4}),
    ("top_hat", {"radius": 3.0}),
    ("bottom_hat", {"radius": 3.0}),
    ("subtract_gaussian_background", {"sigma": 2.0}),
    ("divide_by_gaussian_background", {"sigma": 2.0}),
    ("difference_of_gaussians", {"sigma_small": 2.0, "sigma_large": 1.0}),
    ("sobel", {}),
    ("laplace", {}),
    ("laplacian_of_gaussian", {"sigma": 1.5}),
    ("gradient_magnitude", {"sigma": 1.5}),
    ("gradient_z", {"sigma": 0.0}),
    ("small_hessian_eigenvalue", {"sigma": 1.5}),
    ("sato", {"smallest": 2.0, "largest": 1.0}),
    ("minimum_filter", {"radius": 3.0}),
    ("grey_opening", {"radius": 2.0}),
    ("grey_closing", {"radius": 2.0}),
    ("morphological_gradient", {"radius": 2.0}),
    ("variance_filter", {"radius": 2.0}),
    ("richardson_lucy", {"sigma": 0.5, "sigma_z": 1.5, "iterations": 2}),
]


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize(("name", "settings"), CALLS, ids=[f"{n}{i}" for i, (n, _) in enumerate(CALLS)])
def test_blocks_equal_the_whole(name, settings, ndim):
    operation = operations.get_operation(name)
    if ndim not in operation.ndims:
        pytest.skip("not for so many axes")
    rng = np.random.default_rng(0)
    shape = (20, 37, 41)[-ndim:]
    image = (500 + 400 * ndimage.gaussian_filter(rng.normal(0, 1, shape), 1)).clip(1).astype(np.float32)
    given = dict(settings)
    if "spacing" in operation.parameters:
        given["spacing"] = (1.7, 0.8, 0.6)[-ndim:]
    result = operation(da.from_array(image, chunks=(7, 15, 16)[-ndim:]), **given)
    whole = operation(image, **given)
    assert result.dtype == whole.dtype
    computed = result.compute(scheduler="synchronous")
    np.testing.assert_allclose(computed, whole, rtol=0, atol=2e-6 * np.abs(whole).max())
