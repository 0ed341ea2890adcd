"""From tables of objects to pictures of their similarity: embeddings, clusters, point rasters, gates and figures.

Importing this room is cheap: umap-learn, scikit-learn, Numba, pandas and matplotlib are loaded by the first call that
needs them.
"""

# The functions `embed` and `cluster` are named like their modules. They are imported here, not looked up on demand, so
# that `bioloom.explore.embed` is always the function.
from bioloom.explore.cluster import CLUSTER_METHODS, Clustering, cluster
from bioloom.explore.colours import CLASS_COLOURS, class_colours
from bioloom.explore.embed import EMBEDDING_METHODS, Embedding, embed
from bioloom.explore.embedding_model import EmbeddingModel
from bioloom.explore.figure import save_scatter
from bioloom.explore.new_data import Placement, load_embedding, place, save_embedding
from bioloom.explore.polygon import points_in_polygon
from bioloom.explore.preprocess import Prepared, feature_columns, prepare
from bioloom.explore.raster import nice_ticks, rasterise_points

__all__ = [
    "CLASS_COLOURS",
    "CLUSTER_METHODS",
    "EMBEDDING_METHODS",
    "Clustering",
    "Embedding",
    "EmbeddingModel",
    "Placement",
    "Prepared",
    "class_colours",
    "cluster",
    "embed",
    "feature_columns",
    "load_embedding",
    "nice_ticks",
    "place",
    "points_in_polygon",
    "prepare",
    "rasterise_points",
    "save_embedding",
    "save_scatter",
]
