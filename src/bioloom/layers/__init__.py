"""The only place that reads or writes napari layers: scale, units, names, features, colours and clicks."""

from bioloom.layers.annotating import Click, colour_classes, look_at, on_canvas_click, on_keys, show_ring
from bioloom.layers.chain_layers import ChainLayers
from bioloom.layers.chain_sources import Source, View, layer_kind, sources_for
from bioloom.layers.colouring import ObjectColours, colour_objects, is_coloured, restore_colours
from bioloom.layers.contributions import show_contributions
from bioloom.layers.gallery_pictures import gallery_source, images_of
from bioloom.layers.lasso import ImageLasso
from bioloom.layers.maps import maps_of, show_map, update_map
from bioloom.layers.object_pool import ObjectPool
from bioloom.layers.object_results import save_classes, save_column, save_selected
from bioloom.layers.object_table import ObjectTable
from bioloom.layers.objects import (
    add_columns,
    add_features,
    add_frames,
    delete_columns,
    features,
    go_to,
    has_table,
    made_by,
    on_click,
    on_edit,
    rename_column,
    selection_of,
    set_columns,
    show_object,
)
from bioloom.layers.own_image import own_image
from bioloom.layers.pixel_size import take_size, untold_size
from bioloom.layers.placing import place_plane, place_result
from bioloom.layers.reading import (
    METADATA_KEY,
    Kind,
    active_layer,
    current_frame,
    grey,
    image_stack,
    is_rgb,
    length_unit,
    made_of,
    note_time,
    of_kind,
    pixels,
    position,
    role,
    shows_axis,
    time_axis,
)
from bioloom.layers.recent import likely_objects, note_use
from bioloom.layers.result_layers import ResultPlace, new_result_layer, update_result_layer
from bioloom.layers.surfaces import surface_data
from bioloom.layers.writing import (
    ResultLayer,
    activate,
    add_result,
    new_annotation,
    raise_layer,
    remove,
    show_preview,
    spatial_metadata,
)

__all__ = [
    "METADATA_KEY",
    "ChainLayers",
    "Click",
    "ImageLasso",
    "Kind",
    "ObjectColours",
    "ObjectPool",
    "ObjectTable",
    "ResultLayer",
    "ResultPlace",
    "Source",
    "View",
    "activate",
    "active_layer",
    "add_columns",
    "add_features",
    "add_frames",
    "add_result",
    "colour_classes",
    "colour_objects",
    "current_frame",
    "delete_columns",
    "features",
    "gallery_source",
    "go_to",
    "grey",
    "has_table",
    "image_stack",
    "images_of",
    "is_coloured",
    "is_rgb",
    "layer_kind",
    "length_unit",
    "likely_objects",
    "look_at",
    "made_by",
    "made_of",
    "maps_of",
    "new_annotation",
    "new_result_layer",
    "note_time",
    "note_use",
    "of_kind",
    "on_canvas_click",
    "on_click",
    "on_edit",
    "on_keys",
    "own_image",
    "pixels",
    "place_plane",
    "place_result",
    "position",
    "raise_layer",
    "remove",
    "rename_column",
    "restore_colours",
    "role",
    "save_classes",
    "save_column",
    "save_selected",
    "selection_of",
    "set_columns",
    "show_contributions",
    "show_map",
    "show_object",
    "show_preview",
    "show_ring",
    "shows_axis",
    "sources_for",
    "spatial_metadata",
    "surface_data",
    "take_size",
    "time_axis",
    "untold_size",
    "update_map",
    "update_result_layer",
]
