"""A classifier over whole images, apart from the session that trains it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bioloom.classify import PixelClassifier
from bioloom.classify.feature_blocks import Progress
from bioloom.errors import InputError
from bioloom.session.image_stack import ImageStack
from bioloom.session.live_features import KeptBlocks
from bioloom.session.live_memory import Kept
from bioloom.session.pixel_session import BlockAnswer, answer_of

_KEPT_BYTES = 256 << 20


def apply_to_stack(
    classifier: PixelClassifier,
    stack: ImageStack,
    frames: Sequence[int],
    *,
    class_id: int | None = None,
    progress: Progress | None = None,
) -> Iterator[BlockAnswer]:
    """Apply a classifier to frames of an image, block by block; features are not kept.

    Parameters
    ----------
    classifier
        Trained; not changed meanwhile.
    stack
        The image.
    frames
        Numbers of the frames; ``[0]`` for an image without time.
    class_id
        The class whose probability is wanted; the last one if left out or unknown.
    progress
        Called as ``progress(done, total)`` with blocks; may raise Cancelled.

    Raises
    ------
    InputError
        If the image does not fit the classifier.
    """
    given = len(stack.channels), len(stack.shape)
    if given != (classifier.n_channels, classifier.n_dim):
        raise InputError(
            f"The classifier was trained on {classifier.n_channels} channel(s) in {classifier.n_dim}D, but "
            f"{', '.join(stack.names)} has {given[0]} channel(s) in {given[1]}D."
        )
    ids = classifier.classes_.tolist()
    column = ids.index(class_id) if class_id in ids else len(ids) - 1
    for done, frame in enumerate(frames):
        # The chunks that neighbouring blocks share are kept, bins never are.
        chunks = Kept(lambda: _KEPT_BYTES)
        source = KeptBlocks(stack.channels_of(frame, chunks, 0), classifier, stack, None, 0)

        def report(part: int, parts: int, done: int = done) -> None:
            if progress:
                progress(done * parts + part, len(frames) * parts)

        for block, votes in classifier.votes_by_block(source, progress=report):
            yield answer_of(classifier, frame, block, votes, column, True)
