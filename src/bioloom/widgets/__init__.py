"""Dock widgets for napari: views only, no algorithms."""
