"""Exercise 1.5's questions of several fits, asked of a network that is one grey picture."""

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import numpy as np
import pytest

from data_utils.selfcheck.nb1_fits import (
    EPOCHS,
    SmallFits,
    copies_come_nearer,
    history_is_its_own,
)
from data_utils.selfcheck.words import Finding

MASTER = Path(__file__).resolve().parents[2] / "solutions/nb1_autoencoder.py"


@dataclass
class Learner:
    """Fits one picture to all images, step by step; each flag is a typical mistake."""

    fixed_seed: bool = False
    no_seed: bool = False
    epochs: int = 0  # 0: those of the budget
    validation_loss: bool = False
    trains_on_validation: bool = False
    stops_early: bool = False
    restores_best: bool = False
    made_up: bool = False

    def __call__(
        self, x_train: Any, x_val: Any, seed: int, *, budget: str = "quick", train: bool = True
    ) -> Any:
        random = np.random.default_rng(None if self.no_seed else 0 if self.fixed_seed else seed)
        picture = random.random((28, 28))
        learnt = np.concatenate([x_train, x_val]) if self.trains_on_validation else x_train
        losses: list[float] = []
        pictures = [picture]
        told: list[float] = []
        for _ in range((self.epochs or EPOCHS[budget]) if train else 0):
            picture = picture + 0.15 * (learnt.mean(axis=0) / 255 - picture)
            pictures.append(picture)
            losses.append(self._loss(learnt, picture))
            told.append(self._loss(x_val, picture))
            if self.stops_early and len(told) > 2 and told[-1] > told[-2] > told[-3]:
                break
        if self.restores_best and told:
            picture = pictures[1 + int(np.argmin(told))]
        if self.made_up:
            losses = [0.3, 0.2, 0.1]
        return Fitted(picture, told if self.validation_loss else losses)

    @staticmethod
    def _loss(images: Any, picture: Any) -> float:
        return float(np.mean((images / 255 - picture) ** 2))


@dataclass
class Fitted:
    """What the learner returns."""

    picture: np.ndarray
    history: list[float]

    def parameters(self) -> list[np.ndarray]:
        return [self.picture]

    def reconstruct(self, images: Any) -> np.ndarray:
        return np.uint8(np.rint(255 * np.clip(self.picture, 0, 1)) + np.zeros(images.shape))


def images(seed: int = 0, count: int = 450) -> np.ndarray:
    random = np.random.default_rng(seed)
    ink = random.random((count, 28, 28)) < 0.5 * random.random((28, 28))
    return np.uint8(255 * ink)


def findings(learner: Learner) -> dict[str, Finding]:
    """Ask all questions; return those that found something."""
    small = SmallFits(
        learner, getattr, lambda fit, name, *args: getattr(fit, name)(*args), images()
    )
    larger = learner(images(1), images(2), 101, budget="quick")
    asked = {
        "seed": small.follows_seed(),
        "other": small.another_seed(small.untrained(101).parameters()),
        "budget": small.follows_budget(len(larger.history)),
        "history": small.hands_on_training_losses(larger.history),
        "validation": small.learns_from_x_train_alone(),
    }
    return {name: finding for name, finding in asked.items() if finding is not None}


@pytest.mark.parametrize(
    "right",
    [
        Learner(),
        Learner(stops_early=True),
        Learner(stops_early=True, restores_best=True),
        Learner(restores_best=True),
    ],
    ids=str,
)
def test_a_right_fit_passes_all_questions(right: Learner) -> None:
    assert findings(right) == {}


@pytest.mark.parametrize(
    ("wrong", "found", "words"),
    [
        (Learner(no_seed=True), {"seed"}, "starts from other random weights"),
        (Learner(fixed_seed=True), {"other"}, "the argument seed is not used"),
        (Learner(epochs=15), {"budget"}, "15 losses"),
        (Learner(epochs=10), {"budget"}, "the number of epochs is fixed"),
        (Learner(epochs=12), {"budget"}, "at most 10 epochs"),
        (Learner(validation_loss=True), {"history"}, "the loss on the validation images"),
        (Learner(trains_on_validation=True), {"validation"}, "x_val is among the images"),
        (Learner(made_up=True), {"history", "budget"}, "does not come from the training"),
        (
            Learner(True, False, 10, True, True),
            {"other", "budget", "history", "validation"},
            "the number of epochs is fixed",
        ),
    ],
    ids=lambda value: " ".join(sorted(value)) if isinstance(value, set) else str(value),
)
def test_each_mistake_is_found_and_named(wrong: Learner, found: set[str], words: str) -> None:
    told = findings(wrong)
    assert set(told) == found
    assert any(words in "\n".join(finding.lines()) for finding in told.values())


def test_copies_of_what_was_learnt_come_nearer() -> None:
    x = images()
    grey, mean = np.full_like(x, 128), np.uint8(x.mean(axis=0)) + np.zeros_like(x)
    assert copies_come_nearer(x, grey, mean) is None
    finding = copies_come_nearer(x, grey, np.full_like(x, 255))
    assert finding is not None
    assert "images from 0 to 255" in finding.why
    assert history_is_its_own([0.2, 0.1], [0.2, 0.11]) is None


def test_the_epochs_are_those_of_the_notebook() -> None:
    cells = (c.source for c in jupytext.read(MASTER).cells if c.metadata.get("given"))
    source = next(line for cell in cells for line in cell.splitlines() if line.startswith("EPOCHS"))
    epochs = ast.literal_eval(source.partition("=")[2].partition("#")[0].strip())
    assert EPOCHS.items() <= epochs.items()
