"""From tables of objects to pictures of their similarity: embeddings, clusters, point rasters, gates and figures.

Importing this room is cheap: umap-learn, scikit-learn, Numba, pandas and matplotlib are loaded by the first call that
needs them.
"""

# The functions `embed` and `cluster` are named like their modules. They are imported here, not looked up on demand, so
# that `bioloom.explore.embed` is always the function.
from bioloom.explore.cluster import CLUSTER_METHODS, Clustering, cluster
from bioloom.explore.cluster_classifier import ClusterClassifier, classifier_from_clusters
from bioloom.explore.colours import CLASS_COLOURS, class_colours
from bioloom.explore.embed import EMBEDDING_METHODS, Embedding, embed
from bioloom.explore.embedding_model import EmbeddingModel
from bioloom.explore.explain import contribution_column, explain_rows
from bioloom.explore.explain_images import contribution_image, explain_pixels
from bioloom.explore.explanation import Explanation
from bioloom.explore.figure import save_scatter
from bioloom.explore.figure_explain import save_beeswarm, save_ranking, save_waterfall
from bioloom.explore.gate_kinds import CombinedGate, PolygonGate, RangeGate, ValueGate, ellipse_vertices
from bioloom.explore.gates import GateSet
from bioloom.explore.k_choice import KChoice, choose_k
from bioloom.explore.new_data import Placement, load_embedding, place, save_embedding
from bioloom.explore.polygon import points_in_polygon
from bioloom.explore.preprocess import Prepared, feature_columns, prepare
from bioloom.explore.ranking import Ranking, rank_columns
from bioloom.explore.raster import nice_ticks, rasterise_points
from bioloom.explore.stability import Stability, cluster_stability

__all__ = [
    "CLASS_COLOURS",
    "CLUSTER_METHODS",
    "EMBEDDING_METHODS",
    "ClusterClassifier",
    "Clustering",
    "CombinedGate",
    "Embedding",
    "EmbeddingModel",
    "Explanation",
    "GateSet",
    "KChoice",
    "Placement",
    "PolygonGate",
    "Prepared",
    "RangeGate",
    "Ranking",
    "Stability",
    "ValueGate",
    "choose_k",
    "class_colours",
    "classifier_from_clusters",
    "cluster",
    "cluster_stability",
    "contribution_column",
    "contribution_image",
    "ellipse_vertices",
    "embed",
    "explain_pixels",
    "explain_rows",
    "feature_columns",
    "load_embedding",
    "nice_ticks",
    "place",
    "points_in_polygon",
    "prepare",
    "rank_columns",
    "rasterise_points",
    "save_beeswarm",
    "save_embedding",
    "save_ranking",
    "save_scatter",
    "save_waterfall",
]
