"""Where the visible checks of each notebook stand: one entry for each notebook of the course."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from data_utils.selfcheck import nb1_visible, nb2_visible, nb3_visible, nb4_visible
from data_utils.selfcheck.words import Ask


@dataclass(frozen=True)
class Visible:
    """What a notebook's instant checks are made of.

    Attributes
    ----------
    checks : mapping of str to callable
        By exercise; called with a caller of the learner's function, raises `Found`.
    names : frozenset of str
        Variables of the notebook that a graded function must not reach for.
    """

    checks: Mapping[str, Callable[[Ask], None]]
    names: frozenset[str]


VISIBLE: dict[str, Visible] = {
    "nb1_autoencoder": Visible(nb1_visible.VISIBLE_CHECKS, nb1_visible.NOTEBOOK_NAMES),
    "nb2_gan_detector": Visible(nb2_visible.VISIBLE_CHECKS, nb2_visible.NOTEBOOK_NAMES),
    "nb3_resnet_transfer": Visible(nb3_visible.VISIBLE_CHECKS, nb3_visible.NOTEBOOK_NAMES),
    "nb4_geometric_transforms": Visible(nb4_visible.VISIBLE_CHECKS, nb4_visible.NOTEBOOK_NAMES),
}
"""By notebook. The modules import no framework: their checks do, when they run."""
