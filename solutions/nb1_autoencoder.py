# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 1 Anomaly detection with a Keras autoencoder
#
# You build a detector for images that look like nothing it has seen before. It learns nine digits;
# the tenth is the anomaly. By the end you can
#
# - split a data set so that one class stays unknown, without a leak,
# - turn a reconstruction into an anomaly score,
# - choose a threshold from normal images alone,
# - report counts and rates, and say what each of them means.
#
# The task is the Precrime summer exercise "Anomaly Detection using Autoencoders". Five exercises,
# 20 points, about 100 minutes. Training takes about 20 seconds on one processor core.
#
# **Words.** *Normal* images are the digits that the detector may learn (also: nominal, inlier). An
# *anomaly* is an image of the digit left out (outlier, novelty). The anomaly is the positive class:
# a *true positive* is an anomaly that was found. A higher score always means "more anomalous".

# %% [markdown]
# ## Set-up
#
# Run the next four cells first, and again after every restart of the kernel. The first takes a few
# seconds, because it loads TensorFlow.

# %% given="setup" tags=["definitions"]
# %matplotlib inline
import functools
import os

import matplotlib.pyplot as plt
import numpy as np

from data_utils.runtime import quiet_start

with quiet_start():  # TensorFlow writes ten lines that help nobody
    import keras

# %% given="setup_kit" tags=["definitions"]
from data_utils.datasets import load_mnist
from data_utils.detectors import KerasCopier
from data_utils.images import network_input
from data_utils.metrics import auroc
from data_utils.plots import plot_counts, plot_loss, plot_score_histogram
from data_utils.plots import show_images, show_reconstructions
from data_utils.prepared import prepared_arrays
from data_utils.progress import epoch_progress
from data_utils.runtime import current_profile, describe_setup
from data_utils.selfcheck import attempt, check, hint, progress

# %% given="constants" tags=["definitions"]
ANOMALY_DIGIT = 9  # the sheet's example, and one of the two hardest digits
SEED = 0
EPOCHS = {"quick": 6, "embedded": 70, "full": 8}  # per budget; "quick" is for checks
BUDGET = current_profile()

# %% given="load_images"
data = load_mnist()
images, labels = data.images, data.labels
print(describe_setup("keras"))
print(f"{len(images)} images: {data.source}")
show_images(np.concatenate([images[labels == digit][:2] for digit in range(10)]))
plt.show()

# %% [markdown]
# ## 1.1 Leave one digit out
#
# > **Exercise 1.1** | 4 points | about 20 minutes | difficulty 2 of 5 | about 9 lines
#
# The detector must never see the anomaly while it learns, and it must be judged on images that it
# has not learnt from. So the images become four sets:
#
# | set | images | used for |
# |---|---|---|
# | `x_train` | normal, 70 % | training |
# | `x_val` | normal, 10 % | choosing the threshold |
# | `x_test` | normal, 20 % | counting false alarms |
# | `x_anomaly` | all images of the anomaly digit | counting detections |
#
# The shares are shares of the *normal* images. No image may stand in two sets. The same seed must
# give the same split; another seed another one. The images come sorted by digit sometimes, so mix
# them. Leave the arrays that you are given as they are, and return images exactly as they came
# (uint8, 28 x 28).
#
# **Predict.** There are 500 images of each digit. How many images will each of the four sets hold?

# %% answer="1.1"
def split_leave_one_digit_out(images, labels, anomaly_digit, seed):
    """Return x_train, x_val, x_test (normal digits only) and x_anomaly (the digit left out)."""
    ### BEGIN SOLUTION
    rng = np.random.default_rng(seed)
    normal = rng.permutation(np.flatnonzero(labels != anomaly_digit))
    n_test, n_val = round(0.2 * len(normal)), round(0.1 * len(normal))
    test, val, train = np.split(normal, [n_test, n_test + n_val])
    return images[train], images[val], images[test], images[labels == anomaly_digit]
    ### END SOLUTION


# %% check="1.1"
check("1.1")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 1.1 1}</details>
# <details><summary>Hint 2</summary>{hint 1.1 2}</details>
# <details><summary>My numbers look wrong</summary>Sets that overlap: the positions were shuffled
# twice. Too few images in <code>x_val</code>: its share was taken of what the test set left. A
# digit is missing in <code>x_test</code>: the images were not mixed before the cut.</details>

# %% given="use_split"
x_train, x_val, x_test, x_anomaly = attempt(
    "1.1 split", split_leave_one_digit_out, images, labels, ANOMALY_DIGIT, SEED
)
for name, part in (("train", x_train), ("val", x_val), ("test", x_test), ("anomaly", x_anomaly)):
    print(f"x_{name}: {len(part)} images")

# %% [markdown]
# **What it means.** From the 5,000 embedded images you should see 3150, 450, 900 and 500. If an
# anomaly slips into `x_train`, the autoencoder learns to draw it, and the anomaly then looks *more*
# normal than the normal digits. A leak does not make the result a little better; it turns it over.

# %% [markdown]
# ## 1.2 A score from a reconstruction
#
# > **Exercise 1.2** | 3 points | about 10 minutes | difficulty 2 of 5 | about 3 lines
#
# An autoencoder copies an image through a narrow middle. What it has learnt to draw comes back
# nearly right; an unknown shape comes back wrong. *How* wrong is the score. A digit with much ink
# can go wrong in more pixels than a thin one, so we divide by the ink of the image itself:
#
# $$s_i = \frac{\sum_p (x_{ip} - \hat{x}_{ip})^2}{\sum_p x_{ip}^2}$$
#
# Both arrays have shape `(n, ...)`: the first axis counts images, all others are pixels. Return one
# score per image, shape `(n,)`. An image without any ink must not divide by zero.
#
# **Predict.** What is the score of a reconstruction that is all black?

# %% answer="1.2"
def reconstruction_error(x, x_hat):
    """Return the squared error of each image relative to its ink: shape (n,), higher = worse."""
    ### BEGIN SOLUTION
    pixel_axes = tuple(range(1, x.ndim))
    error = np.sum((x - x_hat) ** 2, axis=pixel_axes)
    ink = np.sum(x**2, axis=pixel_axes)
    return error / np.maximum(ink, 1e-12)
    ### END SOLUTION


# %% given="score_by_hand"
x_tiny = np.array([[[1.0, 0.0]], [[1.0, 1.0]]])  # two images of two pixels
x_hat_tiny = np.array([[[0.5, 0.0]], [[0.0, 0.0]]])
try:
    print(reconstruction_error(x_tiny, x_hat_tiny), "by hand: 0.25 and 1.0")
except NotImplementedError as not_yet:
    print(not_yet)

# %% check="1.2"
check("1.2")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 1.2 1}</details>
# <details><summary>Hint 2</summary>{hint 1.2 2}</details>
# <details><summary>My numbers look wrong</summary>One number only: the sum ran over the batch.
# 784 times too small or too large: one mean and one sum. Negative: a sign too many.</details>

# %% given="look_at_pairs"
pair_images, pair_copies = prepared_arrays("1.2 pairs")
pair_scores = attempt("1.2 scores", reconstruction_error, pair_images, pair_copies)
show_reconstructions(
    np.uint8(255 * pair_images[..., 0]), np.uint8(255 * pair_copies[..., 0]), pair_scores
)
plt.show()

# %% [markdown]
# **What you should see.** Upper row: normal digits, then nines, which this autoencoder has never
# seen. Lower row: what it makes of them. It draws a nine as the nearest digit it knows, a 4 or a 7.
# The two are so near each other that the error stays small. This is why nine is a hard anomaly.

# %% [markdown]
# ## 1.3 A threshold at a chosen false positive rate
#
# > **Exercise 1.3** | 3 points | about 10 minutes | difficulty 1 of 5 | about 1 line
#
# An image is called an anomaly if its score is *above* the threshold. Where should that be? We have
# no anomalies to try it on, and the test set is for judging. So we decide how many false alarms we
# can live with (the target false positive rate) and read the threshold off the scores of the
# *validation* images: the share of them above it is the target.
#
# **Predict.** With 450 validation images and a target of 5 %, how many of them lie above it?

# %% answer="1.3"
def choose_threshold(scores_val, target_fpr):
    """Return the number that a share target_fpr of the validation scores lies above."""
    ### BEGIN SOLUTION
    return float(np.quantile(scores_val, 1 - target_fpr, method="higher"))
    ### END SOLUTION


# %% check="1.3"
check("1.3")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 1.3 1}</details>
# <details><summary>Hint 2</summary>{hint 1.3 2}</details>
# <details><summary>My numbers look wrong</summary>Nearly all scores above it: the lower quantile.
# None above it: the largest score. A number unlike any score: other scores were used.</details>

# %% given="look_at_threshold"
scores_val = prepared_arrays("scores_val")  # of a trained autoencoder, so that you can go on
threshold = attempt("1.3 threshold", choose_threshold, scores_val, 0.05)
print(f"threshold {threshold:.4f}: {np.sum(scores_val > threshold)} of {len(scores_val)} above")

# %% [markdown]
# **What it means.** A threshold chosen on the test set would flatter the result: it would know the
# answers. One chosen on training scores would be too low, because the network has rehearsed those
# images.

# %% [markdown]
# ## 1.4 Four counts and four rates
#
# > **Exercise 1.4** | 3 points | about 15 minutes | difficulty 2 of 5 | about 8 lines
#
# The sheet asks for "numbers" and calls them "rates". They are not the same:
#
# | count | meaning | rate |
# |---|---|---|
# | `tp` | anomalies found | `tpr = tp / (tp + fn)` |
# | `fn` | anomalies missed | `fnr = fn / (tp + fn)` |
# | `fp` | normal images called anomalies | `fpr = fp / (fp + tn)` |
# | `tn` | normal images passed | `tnr = tn / (fp + tn)` |
#
# Return a dict with these eight keys. Counts are whole numbers (int), rates are fractions between
# 0 and 1. A score exactly at the threshold is not above it.
#
# **Predict.** Which pairs of rates add up to 1?

# %% answer="1.4"
def confusion_counts(scores_test, scores_anomaly, threshold):
    """Return a dict with tp, fn, fp, tn (int) and tpr, fnr, fpr, tnr (float)."""
    ### BEGIN SOLUTION
    tp = int(np.sum(scores_anomaly > threshold))
    fp = int(np.sum(scores_test > threshold))
    fn, tn = len(scores_anomaly) - tp, len(scores_test) - fp
    rates = {"tpr": tp / (tp + fn), "fnr": fn / (tp + fn)}
    rates |= {"fpr": fp / (fp + tn), "tnr": tn / (fp + tn)}
    return {"tp": tp, "fn": fn, "fp": fp, "tn": tn, **rates}
    ### END SOLUTION


# %% check="1.4"
check("1.4")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 1.4 1}</details>
# <details><summary>Hint 2</summary>{hint 1.4 2}</details>
# <details><summary>My numbers look wrong</summary>Rates that do not add up to 1: divided by all
# images. fpr and fnr exchanged: "false negative" is an anomaly that was missed. One too many: use
# the strict &gt;.</details>

# %% [markdown]
# ## 1.5 The autoencoder and its training
#
# > **Exercise 1.5** | 7 points | about 45 minutes | difficulty 3 of 5 | about 12 lines
#
# Now the network itself. Three things are yours: the **architecture** (any that maps
# `(n, 28, 28, 1)` to the same shape; a middle layer of about 8 numbers works well), the **loss**,
# and the **optimiser**. The sheet says that the loss compares the output with "target classes". An
# autoencoder has none: its target is its own input.
#
# Given: `network_input` scales images to [0, 1], and `AutoencoderDetector` ties your network to
# your score and your threshold.

# %% given="detector_class" tags=["definitions"]
class AutoencoderDetector(KerasCopier):
    """Your network with your score and your threshold; a KerasCopier makes the copies."""

    def __init__(self, network, history, x_val, target_fpr):
        super().__init__(network, history)
        self.x_val, self.target_fpr = x_val, target_fpr

    def anomaly_score(self, images):
        """Return one score per image: float (n,), higher = more anomalous."""
        return reconstruction_error(network_input(images), self.copies(images))

    @functools.cached_property
    def threshold(self):
        """The score above which an image is called an anomaly; from validation images only."""
        return choose_threshold(self.anomaly_score(self.x_val), self.target_fpr)


# %% [markdown]
# Write `fit_detector`. Fix the seed first, so that your result can be repeated. Train for
# `EPOCHS[budget]` epochs if `train` is true; if not, return the same network untrained, for
# comparison. Use only what the function is given: `x_train` and `x_val` are uint8 images,
# `(n, 28, 28)`, all of them normal.
#
# **Predict.** Will the loss of a good autoencoder reach zero? Should it?

# %% answer="1.5"
def build_autoencoder():
    """Return a compiled Keras network (n, 28, 28, 1) -> (n, 28, 28, 1)."""
    ### BEGIN SOLUTION
    layers = keras.layers
    network = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten()])
    for width in (256, 64):
        network.add(layers.Dense(width, activation="relu"))
    network.add(layers.Dense(8, name="code"))
    for width in (64, 256):
        network.add(layers.Dense(width, activation="relu"))
    network.add(layers.Dense(784, activation="sigmoid"))
    network.add(layers.Reshape((28, 28, 1)))
    network.compile(optimizer=keras.optimizers.Adam(2e-3), loss="mse")
    return network
    ### END SOLUTION


def fit_detector(x_train, x_val, seed, *, target_fpr=0.05, budget="embedded", train=True):
    """Return an AutoencoderDetector fitted to normal images; with train=False an untrained one."""
    ### BEGIN SOLUTION
    keras.utils.set_random_seed(seed)
    network = build_autoencoder()
    history = []
    if train:
        x = network_input(x_train)
        fit = network.fit(
            x, x, batch_size=64, epochs=EPOCHS[budget], verbose=0, callbacks=[epoch_progress()]
        )
        history = fit.history["loss"]
    return AutoencoderDetector(network, history, x_val, target_fpr)
    ### END SOLUTION


# %% [markdown]
# The check builds your network twice and trains it once on a few images: a few seconds.

# %% check="1.5"
check("1.5")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 1.5 1}</details>
# <details><summary>Hint 2</summary>{hint 1.5 2}</details>
# <details><summary>My numbers look wrong</summary>The loss stays where it is: the target is not the
# input. AUROC near 0.5: the network was not trained. Everything comes back perfectly, nines too: the
# middle is too wide, or anomalies were in the training set.</details>

# %% [markdown]
# ### Train it and look
#
# The next cell trains for the full budget: about 20 seconds on one processor core.

# %% given="train"
detector = fit_detector(x_train, x_val, SEED, budget=BUDGET)
plot_loss(detector.history)
plt.show()

# %% given="score"
scores_test = attempt("scores_test", detector.anomaly_score, x_test)
scores_anomaly = attempt("scores_anomaly", detector.anomaly_score, x_anomaly)
threshold = attempt("1.3 threshold", lambda: detector.threshold)
plot_score_histogram(scores_test, scores_anomaly, threshold)
plt.show()
print(f"AUROC {auroc(scores_test, scores_anomaly):.3f} (digit {ANOMALY_DIGIT} left out)")

# %% given="counts"
outcome = attempt("1.4 counts", confusion_counts, scores_test, scores_anomaly, threshold)
print(f"detected anomalies   {outcome['tp']:5d}   true positive rate  {outcome['tpr']:.3f}")
print(f"undetected anomalies {outcome['fn']:5d}   false negative rate {outcome['fnr']:.3f}")
print(f"false alarms         {outcome['fp']:5d}   false positive rate {outcome['fpr']:.3f}")
print(f"correctly passed     {outcome['tn']:5d}   true negative rate  {outcome['tnr']:.3f}")
plot_counts(outcome)
plt.show()

# %% given="look_at_copies"
some = np.concatenate([x_test[:5], x_anomaly[:5]])
some_scores = attempt("1.2 scores", detector.anomaly_score, some)
show_reconstructions(some, detector.reconstruct(some), some_scores)
plt.show()

# %% [markdown]
# **What it means.** Even a fair detector finds few nines at a false positive rate of 5 %. That is
# not your mistake: a nine is made of strokes that fours and sevens have taught the network. Try an
# easy digit beside it.

# %% given="demo_digit_0" tags=["demo"]
parts = split_leave_one_digit_out(images, labels, 0, SEED)  # digit 0: round, unlike the others
easy = fit_detector(parts[0], parts[1], SEED, budget=BUDGET)
print(f"AUROC {auroc(easy.anomaly_score(parts[2]), easy.anomaly_score(parts[3])):.3f} for digit 0")

# %% given="progress"
progress()

# %% [markdown]
# **Read on.** Y. LeCun, C. Cortes, MNIST handwritten digit database (2010). F. Chollet, "Building
# autoencoders in Keras" (2016). L. Ruff et al., "A Unifying Review of Deep and Shallow Anomaly
# Detection", Proceedings of the IEEE (2021), section IV on reconstruction models.
