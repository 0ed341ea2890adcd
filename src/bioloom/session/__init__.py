"""What happens while a user works: jobs, selections and classifiers in training. No Qt, no napari."""
