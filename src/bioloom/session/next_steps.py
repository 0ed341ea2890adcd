"""What is usually done next: a few operations for every kind of result."""

from __future__ import annotations

from collections.abc import Mapping

from bioloom.operations import Operation

_MOST = 4

_AFTER_OPERATION: Mapping[str, tuple[str, ...]] = {
    "voronoi_otsu_labeling": ("remove_labels_at_edges", "remove_labels_by_size", "expand_labels", "measure_objects"),
    "gauss_otsu_labeling": ("split_touching_objects", "remove_labels_at_edges", "remove_labels_by_size"),
    "connected_components": ("split_touching_objects", "remove_labels_by_size", "remove_labels_at_edges"),
    "local_minima_seeded_watershed": ("merge_labels_by_border_intensity", "remove_labels_by_size"),
    "slic": ("merge_labels_by_border_intensity", "measure_objects"),
    "distance_map": ("local_maxima", "h_maxima", "seeded_watershed"),
    "local_maxima": ("connected_components", "seeded_watershed"),
    "expand_labels": ("subtract_labels", "measure_objects", "touching_neighbors_map"),
    "labels_to_surface": ("smooth_surface", "simplify_surface", "measure_vertices"),
}

_AFTER_CATEGORY: Mapping[str, tuple[str, ...]] = {
    "Filter/Remove noise": ("voronoi_otsu_labeling", "threshold_otsu", "top_hat", "subtract_gaussian_background"),
    "Filter/Remove background": ("gaussian_blur", "voronoi_otsu_labeling", "threshold_otsu"),
    "Filter/Edges and ridges": ("threshold_otsu", "seeded_watershed", "local_minima_seeded_watershed"),
    "Filter/Enhance": ("gaussian_blur", "threshold_otsu", "voronoi_otsu_labeling"),
    "Filter/Neighbourhood": ("threshold_otsu", "rescale_intensity", "gaussian_blur"),
    "Filter/Extrema": ("connected_components", "seeded_watershed"),
    "Filter/Arithmetic": ("gaussian_blur", "rescale_intensity", "threshold_otsu"),
    "Filter/Logic and comparison": ("fill_holes", "binary_opening", "connected_components"),
    "Filter/Repair": ("gaussian_blur", "voronoi_otsu_labeling"),
    "Filter/Deconvolution": ("top_hat", "voronoi_otsu_labeling", "threshold_otsu"),
    "Transform/Crop and resize": ("gaussian_blur", "voronoi_otsu_labeling"),
    "Transform/Move": ("gaussian_blur", "crop"),
    "Transform/Axes": ("gaussian_blur", "maximum_projection"),
    "Project/Along an axis": ("gaussian_blur", "top_hat", "voronoi_otsu_labeling"),
    "Segment/Threshold": ("fill_holes", "binary_opening", "connected_components", "split_touching_objects"),
    "Segment/Binary mask": ("connected_components", "split_touching_objects", "fill_holes"),
    "Segment/Label": ("remove_labels_at_edges", "remove_labels_by_size", "expand_labels", "measure_objects"),
    "Segment/Process labels": (
        "measure_objects",
        "remove_labels_by_size",
        "reduce_labels_to_outlines",
        "expand_labels",
    ),
    "Measure/Maps of labels": ("threshold_constant", "rescale_intensity"),
    "Measure/Table": (),
    "Visualize/Surfaces": ("smooth_surface", "measure_vertices", "simplify_surface"),
    "Classify/Apply a classifier": ("remove_labels_by_size", "measure_objects", "remove_labels_at_edges"),
}

_AFTER_KIND: Mapping[str, tuple[str, ...]] = {
    "image": ("gaussian_blur", "top_hat", "voronoi_otsu_labeling", "threshold_otsu"),
    "labels": ("remove_labels_at_edges", "remove_labels_by_size", "expand_labels", "measure_objects"),
    "mask": ("connected_components", "split_touching_objects", "fill_holes"),
    "surface": ("smooth_surface", "simplify_surface", "measure_vertices"),
}


def next_steps(catalogue: Mapping[str, Operation], kind: str, last: Operation | None = None) -> list[Operation]:
    """Return up to four operations that are often applied to a result.

    Parameters
    ----------
    catalogue
        All operations by name.
    kind
        What the result is: ``image``, ``labels``, ``mask`` or ``surface``.
    last
        The operation that made it; None for what was opened from a file.
    """
    names = list(_AFTER_OPERATION.get(last.name, ()) if last is not None else ())
    names += _AFTER_CATEGORY.get(last.category, ()) if last is not None else ()
    names += _AFTER_KIND.get(kind, ())
    found = [catalogue[name] for name in dict.fromkeys(names) if name in catalogue]
    fitting = [o for o in found if o is not last and _takes(o, kind)]
    return fitting[:_MOST]


def _takes(operation: Operation, kind: str) -> bool:
    wanted = operation.arrays[0].kind
    return wanted == kind or {wanted, kind} == {"labels", "mask"}
