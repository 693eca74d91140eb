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
# - turn a reconstruction into an anomaly score, and make that score better,
# - choose a threshold from normal images alone,
# - report counts and rates, AUROC and average precision, and say what each of them hides,
# - say when a simple method beats the network, and why.
#
# The task is the Precrime summer exercise "Anomaly Detection using Autoencoders" (we call it *the
# sheet*). Six exercises and one question, {points} points, about {minutes} minutes of your time.
# The whole notebook computes for about {run notebook_seconds} seconds on one processor core.
#
# **Words.** *Normal* images are the digits that the detector may learn (also: nominal, inlier). An
# *anomaly* is an image of the digit left out (outlier, novelty). The anomaly is the positive class:
# a *true positive* is an anomaly that was found. A higher score always means "more anomalous".

# %% [markdown]
# **How to work.** Run the cells from top to bottom. Where it says *Predict*, write a guess before
# you go on: a wrong guess teaches more than no guess. Below each exercise a `check` tells at once
# what is wrong. An exercise that you skip does not block the next one; its place is taken by
# results that were computed before. After a restart of the kernel choose *Run All Above Selected
# Cell* in the *Run* menu.

# %% [markdown]
# ## Set-up
#
# Run the next four cells first, and again after every restart of the kernel.

# %% given="setup" tags=["definitions"]
# %matplotlib inline
import functools

import matplotlib.pyplot as plt
import numpy as np

# %% given="setup_kit" tags=["definitions"]
from data_utils.baselines import BASELINES
from data_utils.datasets import load_mnist
from data_utils.images import box_blur, gaussian_blur, network_input
from data_utils.metrics import auroc, average_precision, prevalence
from data_utils.plots import plot_by_digit, plot_counts, plot_loss, plot_roc
from data_utils.plots import plot_score_histogram, show_extremes, show_images
from data_utils.plots import show_reconstructions
from data_utils.prepared import prepared_arrays
from data_utils.runtime import current_profile, describe_setup
from data_utils.selfcheck import attempt, check, hint, progress

# %% given="constants" tags=["definitions"]
ANOMALY_DIGIT = 9  # the sheet's example, and one of the two hardest digits
SEED = 0
TARGET_FPR = 0.05  # the share of false alarms that we can live with
EPOCHS = {"quick": 12, "embedded": 40, "full": 10}  # per budget; "quick" is for checks
MOST_IMAGES = 20_000  # to train on; more of them cost time and change little
BUDGET = current_profile()

# %% given="load_images"
data = load_mnist()
images, labels = data.images, data.labels
print(describe_setup())
print(f"{len(images)} images: {data.source}")
show_images(np.concatenate([images[labels == digit][:2] for digit in range(10)]))
plt.show()

# %% [markdown]
# ## Look at the data
#
# Always look before you compute. How many images are there of each digit? If one digit is the
# anomaly, which share of all images is that (the **prevalence**)? And how much *ink* has a digit,
# that is, how bright are its pixels in all?
#
# **Predict.** Which digit has the least ink, and which the most? Why might that matter to a
# detector that measures errors pixel by pixel?

# %% [markdown]
# *My guess:*

# %% given="look_at_counts"
counts = np.bincount(labels, minlength=10)
print("images of each digit:", counts)
print(f"prevalence of digit {ANOMALY_DIGIT}: {counts[ANOMALY_DIGIT] / len(labels):.1%}")
inked = images[images > 0]
print(f"ink pixels that are neither black nor white: {np.mean(inked < 255):.1%}")
ink = [float(np.mean(images[labels == digit]) / 255) for digit in range(10)]
plot_by_digit({"ink": ink}, "mean grey value", xlabel="digit")
plt.show()

# %% [markdown]
# <details><summary>What you should see</summary>
#
# ![Bar chart of the mean grey value of each digit: the 1 has by far the least ink, less than half of the 0, which has the most; the 9 lies a little below the middle.](figures/ink.png)
#
# </details>
#
# **What it means.** A 1 has {run ink_1} of full brightness, a 0 has {run ink_0}: more than twice as
# much. A method that adds up errors over pixels finds little to be wrong about in a 1, whatever it
# has learnt. Keep this in mind; it comes back three times.
#
# > The sheet calls the images "black-white". They are grey: {run grey_share} of the ink pixels are
# > neither 0 nor 255. And the counts of the embedded images are equal only because somebody chose
# > them so: the official training set has between 5,421 images (digit 5) and 6,742 (digit 1).

# %% [markdown]
# ## 1.1 Leave one digit out
#
# {card 1.1}
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
# The shares are shares of the *normal* images; a rounding more or less does not matter. No image
# may stand in two sets. The same seed must give the same split; another seed another one, in each
# of the first three sets. The images come sorted by digit sometimes, so mix them: every normal
# digit belongs in every one of these sets. Leave the arrays that you are given as they are, and
# return images exactly as they came (uint8, 28 x 28). The sheet has no validation set; exercise 1.3 shows what that leads to.
#
# **Predict.** There are 500 images of each digit. How many images will each of the four sets hold?

# %% [markdown]
# *My guess:*

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


# %% given="split_by_hand"
ten_images = np.arange(10, dtype=np.uint8)[:, None, None] * np.ones((28, 28), np.uint8)
ten_labels = np.array([0, 0, 1, 1, 2, 2, 3, 3, 9, 9])  # eight normal images, two nines
try:
    parts = split_leave_one_digit_out(ten_images, ten_labels, 9, seed=1)
    print("sizes", [len(part) for part in parts], "by hand: 8 normal images give 5, 1, 2; and 2")
    print("anomalies", parts[3][:, 0, 0], "by hand: images 8 and 9")
except NotImplementedError as not_yet:
    print(not_yet)

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
show_images(np.concatenate([x_train[:10], x_anomaly[:10]]))
plt.show()

# %% [markdown]
# <details><summary>What you should see</summary>
#
# The upper row shows images of nine digits in mixed order and no 9, the lower row nines only. How
# many images each set holds depends on the profile (the first line that the notebook printed):
#
# | profile | left out | `x_train` | `x_val` | `x_test` | `x_anomaly` |
# |---|---|---|---|---|---|
# | `quick`, `embedded` | any digit | 3,150 | 450 | 900 | 500 |
# | `full` | 9 | 37,836 | 5,405 | 10,810 | 5,949 |
# | `full` | 0 | 37,854 | 5,408 | 10,815 | 5,923 |
#
# </details>
#
# **What it means.** The test set and the anomaly set are not one set with a natural mix. Here
# {run test_prevalence} of the judged images are anomalies, because *we* put them there. In use it
# may be one in ten thousand. Exercise 1.4 and question 1.7 come back to that.
#
# > **Pitfall: a leak.** If anomalies slip into `x_train`, the autoencoder learns to draw them, and
# > they look *more* normal than the normal digits. A leak does not flatter the result a little; it
# > turns it over.
#
# ![Line chart: the AUROC for digit 9 falls from the honest value without a leak to below chance level when some hundred nines stand among the training images.](figures/leak.png)
#
# The chart is from runs of the solution. The AUROC is the chance that an anomaly gets a higher score
# than a normal image: 1 is perfect, 0.5 is a coin. With no nine among the training images it is
# {run leak_0}, with {run leak_few_count} of them {run leak_few}, and with {run leak_all_count}, as many as
# of any other digit, {run leak_all}.
#
# **Stop and answer.** A friend splits with `train_test_split` from scikit-learn first and removes
# the nines from the training part afterwards. Is that a leak?
# <details><summary>Answer</summary>No, if the nines are removed before anything is fitted. It only
# wastes nines: those that fell into the training part are judged by nobody. The sheet allows all of
# them, since none is trained on.</details>
#
# *Read on:* L. Ruff et al., "A Unifying Review of Deep and Shallow Anomaly Detection", Proceedings
# of the IEEE 109(5), 2021, section II, on what "normal" and "anomaly" mean.

# %% [markdown]
# ## Scaling
#
# Pixels are whole numbers from 0 to 255 in one byte each (`uint8`). Networks learn best on numbers
# around 1, and differences of `uint8` wrap around: 3 - 5 is 254. So *before any arithmetic* images
# become floating point numbers between 0 and 1, and get a last axis of length 1, which Keras expects
# (grey images have one channel). `network_input` does both, and never changes its input.

# %% given="scaling"
print("uint8: 3 - 5 =", np.uint8(3) - np.array([5], np.uint8))
x = network_input(x_test[:4])
print("before:", x_test[:4].shape, x_test.dtype, "to", x_test[:4].max())
print("after: ", x.shape, x.dtype, "to", x.max())

# %% [markdown]
# ## 1.2 A score from a reconstruction
#
# {card 1.2}
#
# An autoencoder copies an image through a narrow middle. What it has learnt to draw comes back
# nearly right; an unknown shape comes back wrong. *How* wrong is the score. A digit with much ink
# can go wrong in more pixels than a thin one, so we divide by the ink of the image itself:
#
# $$s_i = \frac{\sum_p (x_{ip} - \hat{x}_{ip})^2}{\sum_p x_{ip}^2}$$
#
# Both arrays have shape `(n, ...)`: the first axis counts images, all others, however many, are
# pixels. Return one score per image, shape `(n,)`, right to 0.01 % also where the ink is faint. An
# image without any ink must not divide by zero: any finite score will do. (The sheet asks
# for the plain error, without the division. You will see both, and what each of them misses.)
#
# **Predict.** What is the score of a reconstruction that is all black? And of a perfect one?

# %% [markdown]
# *My guess:*

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
# <details><summary>What you should see</summary>
#
# ![Ten images above their reconstructions with the score below: of five normal digits two are redrawn well and three poorly; five nines are redrawn as 4s and 7s, with scores no higher than those of the poor ones.](figures/pairs.png)
#
# Left: normal digits. Right: nines, which this autoencoder has never seen.
#
# </details>
#
# **What it means.** The network draws a nine as the nearest thing it knows, a 4 or a 7. The two are
# so near each other that the error stays small. This is why nine is a hard anomaly. The score of an
# all-black picture is exactly 1, that of a perfect copy 0: the score is the share of the ink that
# was not explained.
#
# > **Pitfall.** Without the division the score of a black picture is the image's ink. A detector
# > that learnt nothing would then rank images by ink, and digit 1 would come out *upside down*:
# > always "most normal".
#
# **Stop and answer.** Could a score be larger than 1?
# <details><summary>Answer</summary>Yes: a copy with bright strokes in the wrong places is worse than
# a black one.</details>

# %% [markdown]
# ## Three baselines before the network
#
# Anything that redraws an image gives a detector, if you put your score behind it. Three ways need
# no network:
#
# | baseline | redraws an image as |
# |---|---|
# | mean image | the mean of all training images, always the same |
# | principal components | the best mixture of 16 patterns: a *linear* autoencoder |
# | nearest image | the training image that is nearest to it |
#
# We try them on an easy anomaly first, digit 0, and then on digit 9. The number is again the **AUROC**.
#
# **Predict.** Order the three for digit 9, and write down an AUROC for the best.

# %% [markdown]
# *My guess:*

# %% given="baseline_functions" tags=["definitions"]
def redrawing_score(baseline, pictures):
    """Return your score of a baseline's copies."""
    return reconstruction_error(network_input(pictures), network_input(baseline.reconstruct(pictures)))


def compare_baselines(splits):
    """Return the AUROC of each baseline for each digit left out; at most 1,000 images a set."""
    reached = {}
    for digit, (train, _, test, anomaly) in splits.items():
        for baseline in [make(train[:MOST_IMAGES]) for make in BASELINES]:
            scores = [redrawing_score(baseline, part[:1000]) for part in (test, anomaly)]
            reached.setdefault(digit, {})[baseline.name] = auroc(*scores)
    return reached


# %% given="run_baselines"
easy_split = attempt("1.1 split 0", split_leave_one_digit_out, images, labels, 0, SEED)
splits = {0: easy_split, ANOMALY_DIGIT: (x_train, x_val, x_test, x_anomaly)}
for digit, row in attempt("1.2 baselines", compare_baselines, splits).items():
    for name, reached in row.items():
        print(f"digit {digit} left out  {name:21s} AUROC {reached:.3f}")
drawn = [make(x_train[:MOST_IMAGES]).reconstruct(x_anomaly[:8]) for make in BASELINES]
show_images(np.concatenate([x_anomaly[:8], *drawn]), columns=8)
plt.show()

# %% [markdown]
# <details><summary>What you should see</summary>
#
# ![Four rows of eight pictures: nines; the mean image eight times; blurred nines drawn by principal components; fours and sevens that are the nearest training images.](figures/baselines.png)
#
# | left out | mean image | principal components | nearest image |
# |---|---|---|---|
# | 0 | {run mean_0} | {run pca_0} | {run nearest_0} |
# | 9 | {run mean_9} | {run pca_9} | {run nearest_9} |
#
# </details>
#
# **What it means.** Success first: the nearest image finds zeros with an AUROC of {run nearest_0}.
# Nines are another matter: principal components redraw a nine they have never seen (third row) as
# well as any other digit, and end up at {run pca_9}; on zeros they are no better ({run pca_0}). That is a lesson before any network: *a good
# copier is not a good detector*. With 128 components instead of 16 the copies are better, digit 1
# falls from {run pca16_1} to {run pca128_1}, and digit 9 stays where it is ({run pca128_9}).
#
# The number to beat for digit 9 is {run nearest_9}, from a method without any training.

# %% [markdown]
# ## 1.3 A threshold at a chosen false positive rate
#
# {card 1.3}
#
# An image is called an anomaly if its score is *above* the threshold. Where should that be? We have
# no anomalies to try it on, and the test set is for judging. So we decide how many false alarms we
# can live with (the target false positive rate) and read the threshold off the scores of the
# *validation* images: the share of them above it is the target. Of `n` scores the number above may
# be off by one and a half: every usual way to compute a quantile is right.
#
# **Predict.** With 450 validation images and a target of 5 %, how many of them lie above it?

# %% [markdown]
# *My guess:*

# %% answer="1.3"
def choose_threshold(scores_val, target_fpr):
    """Return the number that a share target_fpr of the validation scores lies above."""
    ### BEGIN SOLUTION
    return float(np.quantile(scores_val, 1 - target_fpr, method="higher"))
    ### END SOLUTION


# %% given="threshold_by_hand"
try:
    ten = np.array([3.0, 1.0, 2.0, 9.0, 5.0, 4.0, 7.0, 6.0, 8.0, 10.0])
    print(choose_threshold(ten, 0.2), "by hand: 8 leaves two of ten above, 9 one; 8 to 9 is right")
except NotImplementedError as not_yet:
    print(not_yet)

# %% check="1.3"
check("1.3")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 1.3 1}</details>
# <details><summary>Hint 2</summary>{hint 1.3 2}</details>
# <details><summary>My numbers look wrong</summary>Nearly all scores above it: the lower quantile.
# None above it: the largest score. Half of the target above it: a quantile with two ends. The same
# share above it whatever the target is: a fixed number in place of <code>target_fpr</code>.</details>

# %% given="look_at_threshold"
scores_val = prepared_arrays("scores_val")  # of a trained autoencoder, so that you can go on
threshold = attempt("1.3 threshold", choose_threshold, scores_val, TARGET_FPR)
print(f"threshold {threshold:.4f}: {np.sum(scores_val > threshold)} of {len(scores_val)} above")
plot_score_histogram(scores_val, prepared_arrays("scores_anomaly"), threshold)
plt.show()

# %% [markdown]
# <details><summary>What you should see</summary>
#
# ![Histogram of validation scores and of the scores of nines: the two overlap widely, and the threshold cuts off the right tail of the validation scores and of the nines alike.](figures/threshold.png)
#
# {run val_above} of 450 validation images lie above the threshold.
#
# </details>
#
# **What it means.** Why not simply use the scores that we have? The chart shows what five splits
# gave when the threshold came from three different places, each time for a target of 5 %:
#
# ![Dots of the false positive rate on fresh normal images for five splits: a threshold from training scores gives about three times the target, one from validation scores gives about the target, one from the test set itself gives exactly the target by construction.](figures/threshold_sources.png)
#
# From *training* scores the false alarms on fresh images were {run fpr_from_train} instead of 5 %:
# the network has rehearsed those images, so their scores are too small. From *validation* scores
# they were {run fpr_from_val}. From the *test* scores they are 5 % exactly, and that proves nothing:
# the test set has told you its answers, and there is nothing left to check them with.
#
# **Stop and answer.** The sheet says "select an appropriate threshold" and names no validation set.
# Which mistake does it invite?
# <details><summary>Answer</summary>To look at the test and anomaly scores and put the threshold
# where the result looks best. The rates that are reported then are not those of the next
# thousand images.</details>

# %% [markdown]
# ## 1.4 Four counts and four rates
#
# {card 1.4}
#
# The sheet asks for "numbers" and calls them "rates". They are not the same:
#
# | count | the sheet's words | meaning | rate |
# |---|---|---|---|
# | `tp` | detected anomalies | anomalies found | `tpr = tp / (tp + fn)` |
# | `fn` | undetected anomalies | anomalies missed | `fnr = fn / (tp + fn)` |
# | `fp` | incorrectly detected in the test set | false alarms | `fpr = fp / (fp + tn)` |
# | `tn` | correctly undetected | normal images passed | `tnr = tn / (fp + tn)` |
#
# Return a dict with these eight keys. Counts are whole numbers (int), rates are fractions between
# 0 and 1, not rounded. A score exactly at the threshold is not above it.
#
# **Predict.** Which pairs of rates add up to 1? So how many of the four rates tell you something?

# %% [markdown]
# *My guess:*

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


# %% given="counts_by_hand"
try:
    few = confusion_counts(np.array([0.1, 0.5, 0.6, 0.2]), np.array([0.5, 0.9]), threshold=0.5)
    print(few, "\nby hand: one of two nines is found, one of four normal images is an alarm")
except NotImplementedError as not_yet:
    print(not_yet)

# %% check="1.4"
check("1.4")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 1.4 1}</details>
# <details><summary>Hint 2</summary>{hint 1.4 2}</details>
# <details><summary>My numbers look wrong</summary>Rates that do not add up to 1: divided by all
# images, or by all alarms (that is the precision). fpr and fnr exchanged: "false negative" is an
# anomaly that was missed. One too many: use the strict &gt;.</details>

# %% given="look_at_counts_of_a_fifth"
all_scores = prepared_arrays("scores_test"), prepared_arrays("scores_anomaly")
for name, anomalies in (("all 500", all_scores[1]), ("a fifth", all_scores[1][::5])):
    shown = attempt("1.4 counts", confusion_counts, all_scores[0], anomalies, threshold)
    precision = shown["tp"] / max(shown["tp"] + shown["fp"], 1)
    print(f"{name} of the nines: tp {shown['tp']:3d}  fp {shown['fp']:3d}  "
          f"tpr {shown['tpr']:.3f}  fpr {shown['fpr']:.3f}  precision {precision:.3f}")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# ![Two groups of bars for the same detector: with a fifth of the nines the count of detected anomalies falls to a fifth, the true and false positive rates stay nearly the same, and the precision falls to about a third of its value.](figures/counts_and_rates.png)
#
# </details>
#
# **What it means.** *Counts are not rates.* The detector is the same, the threshold is the same, and
# only the number of nines changed. `tp` falls to about a fifth. `tpr` and `fpr` hardly move, because
# each is a share of its own set. The **precision**, the share of alarms that are right, falls from
# {run precision_all} to {run precision_fifth}, because it mixes the two sets.
#
# > **Pitfall.** A report with `tp = 34` and nothing else says nothing. 34 of what?
#
# **Stop and answer.** (tpr, fnr) and (fpr, tnr) each add up to 1. Is a detector that calls nothing an
# anomaly bad on all four?
# <details><summary>Answer</summary>No: its fpr is 0 and its tnr is 1, both perfect. Every one of
# these rates can be had for free; only the pair (tpr, fpr) says something.</details>

# %% [markdown]
# ## 1.5 The autoencoder and its training
#
# {card 1.5}
#
# Now the network itself. Three things are yours:
#
# - the **architecture**: any that maps `(n, 28, 28, 1)` to the same shape. The *encoder* turns an
#   image into a few numbers (the *code*), the *decoder* turns the code into an image. A code of
#   about 8 numbers works well; `Flatten`, a few `Dense` layers down and up again, and `Reshape` are
#   enough;
# - the **loss**: a number that falls when the output comes nearer to what it should be. The mean
#   squared error will do;
# - the **optimiser**: the method that changes the weights to make the loss smaller, such as Adam.
#
# The sheet says that the loss compares the output with "target classes". An autoencoder has none:
# its target is its own input, `network.fit(x, x, ...)`.
#
# The next cell loads TensorFlow and takes a few seconds. Given are also `AutoencoderDetector`, which
# ties your network to your score and your threshold, and a progress bar.

# %% given="setup_network" tags=["definitions"]
from data_utils.runtime import quiet_start

with quiet_start():  # TensorFlow writes ten lines that help nobody
    import keras

from data_utils.detectors import KerasCopier
from data_utils.progress import epoch_progress

# %% given="detector_class" tags=["definitions"]
class AutoencoderDetector(KerasCopier):
    """Your network with your score and your threshold; a KerasCopier makes the copies."""
    def __init__(self, network, history, x_val, target_fpr, error=None):
        super().__init__(network, history)
        self.x_val, self.target_fpr, self.error = x_val, target_fpr, error

    def anomaly_score(self, images):
        """Return one score per image: float (n,), higher = more anomalous."""
        error = self.error or reconstruction_error
        return error(network_input(images), self.copies(images))

    @functools.cached_property
    def threshold(self):
        """The score above which an image is called an anomaly; from validation images only."""
        return choose_threshold(self.anomaly_score(self.x_val), self.target_fpr)


# %% [markdown]
# Write `fit_detector`. Fix the seed first: the same seed gives the same network, another seed
# another one. Train for `EPOCHS[budget]` epochs if `train` is true (fewer if you stop early); if not,
# return the same network untrained, for comparison. Use only what the function is given: `x_train`
# and `x_val` are uint8 images, `(n, 28, 28)`, all of them normal. Only `x_train` is trained on;
# `x_val` may end the training early, and gives the threshold. The history is the list of training
# losses, one per epoch.
#
# How your points come about: the loss falls, training images come back better than before, and with
# digit 2 left out the AUROC lies 0.15 above that of the untrained network. Trained for the `quick`
# budget it reaches {floor quick 2} on digit 2 and {floor quick 6} on digit 6. After the run of the whole
# notebook, on digit 9, it reaches {floor embedded 9} in profile `embedded` and {floor full 9} in `full` (none
# is asked for in `quick`): more than the smallest network that works. A score does not depend on
# the other images of its batch, and the threshold leaves the share `target_fpr` of `x_val` above it.
#
# **Predict.** Will the loss of a good autoencoder reach zero? Should it?

# %% [markdown]
# *My guess:*

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
    network.compile(optimizer=keras.optimizers.Adam(3e-3), loss="mse")
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
            x, x, batch_size=128, epochs=EPOCHS[budget], verbose=0, callbacks=[epoch_progress()]
        )
        history = fit.history["loss"]
    return AutoencoderDetector(network, history, x_val, target_fpr)
    ### END SOLUTION


# %% given="network_on_two_images"
try:
    untrained = fit_detector(x_train[:2], x_val[:2], SEED, train=False)
    untrained.network.summary(line_length=70)
    print("two images in, two pictures out:", untrained.copies(x_train[:2]).shape)
except NotImplementedError as not_yet:
    print(not_yet)

# %% [markdown]
# The check trains your network four times on a few images: some ten seconds. It asks for all of
# this but the AUROCs.

# %% check="1.5"
check("1.5")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 1.5 1}</details>
# <details><summary>Hint 2</summary>{hint 1.5 2}</details>
# <details><summary>My numbers look wrong</summary>The loss stays where it is: the target is not the
# input. AUROC near 0.5: the network was not trained. Everything comes back perfectly, nines too: the
# middle is too wide, or anomalies were in the training set.</details>

# %% [markdown]
# ### Train it
#
# The next cell trains for the full budget: about {run fit_seconds} seconds on one processor core
# (profile `embedded`; `full` takes about {run fit_seconds_full}).

# %% given="train"
detector = AutoencoderDetector(*prepared_arrays("1.5 network"), x_val, TARGET_FPR)
try:
    detector = fit_detector(x_train[:MOST_IMAGES], x_val, SEED, target_fpr=TARGET_FPR, budget=BUDGET)
except NotImplementedError as not_yet:
    print(f"{not_yet} This cell goes on with a network that was trained before.")
plot_loss(detector.history)
plt.show()

# %% [markdown]
# <details><summary>What you should see</summary>
#
# ![Training loss over forty epochs for two targets: with the input as target the loss falls steeply and then slowly to about a fifth of its start; with other images as targets it falls once and then only creeps, at three times that value.](figures/loss.png)
#
# Your curve should look like the solid line: {run loss_first} after the first epoch,
# {run loss_last} after the last.
#
# </details>
#
# **What it means.** The loss falls fast, then slowly, and never reaches zero: eight numbers cannot
# hold 784. It *should* not reach zero either. A network that copies everything copies anomalies too.
#
# The dashed line is a run in which the target was *another* image, mixed at random. The loss falls
# once, to {run loss_mixed_early} after three epochs, and then only creeps to {run loss_mixed}. The best answer to a question that has
# nothing to do with the input is the mean image, always the same; what comes after that is learning
# pairs by heart. So if a loss stays up, check the target before you touch anything else.
#
# **Stop and answer.** Why is the validation set not given to `fit` here, to stop early?
# <details><summary>Answer</summary>It may be: it holds normal images only, so nothing leaks. But the
# threshold then comes from images that had a say in the training, and the loss on them is not what
# we want to be good at. See "longer training" below.</details>

# %% [markdown]
# ### Judge it as the sheet asks
#
# **Predict.** Of 500 nines, how many will your detector find at 5 % false alarms?

# %% [markdown]
# *My guess:*

# %% given="score"
scores_test = attempt("scores_test", detector.anomaly_score, x_test)
scores_anomaly = attempt("scores_anomaly", detector.anomaly_score, x_anomaly)
threshold = attempt("1.3 threshold", lambda: detector.threshold)
plot_score_histogram(scores_test, scores_anomaly, threshold)
plt.show()

# %% given="counts"
outcome = attempt("1.4 counts", confusion_counts, scores_test, scores_anomaly, threshold)
print(f"detected anomalies   {outcome['tp']:5d}   true positive rate  {outcome['tpr']:.3f}")
print(f"undetected anomalies {outcome['fn']:5d}   false negative rate {outcome['fnr']:.3f}")
print(f"false alarms         {outcome['fp']:5d}   false positive rate {outcome['fpr']:.3f}")
print(f"correctly passed     {outcome['tn']:5d}   true negative rate  {outcome['tnr']:.3f}")
plot_counts(outcome)
plt.show()

# %% given="ranking"
print(f"digit {ANOMALY_DIGIT} left out, prevalence {prevalence(scores_test, scores_anomaly):.3f}")
print(f"AUROC             {auroc(scores_test, scores_anomaly):.3f}   chance 0.500")
print(f"average precision {average_precision(scores_test, scores_anomaly):.3f}   "
      f"chance {prevalence(scores_test, scores_anomaly):.3f}")
plot_roc(scores_test, scores_anomaly, threshold)
plt.show()

# %% given="extremes"
both = np.concatenate([x_test, x_anomaly])
both_scores = np.concatenate([scores_test, scores_anomaly])
some = np.r_[np.argsort(both_scores)[:6], np.argsort(both_scores)[-6:]]
show_extremes(both[some], detector.reconstruct(both[some]), both_scores[some], 6)
plt.show()

# %% [markdown]
# <details><summary>What you should see</summary>
#
# ![Histogram of the scores of normal images and of nines: the nines have higher scores in general, but the two overlap nearly everywhere, and beyond the threshold there are few of either.](figures/histogram.png)
#
# | | count | rate |
# |---|---|---|
# | detected anomalies | {run tp} | true positive rate {run tpr} |
# | undetected anomalies | {run fn} | false negative rate {run fnr} |
# | false alarms | {run fp} | false positive rate {run fpr} |
# | correctly passed | {run tn} | true negative rate {run tnr} |
#
# AUROC {run auroc_9}; average precision {run ap_9} at a prevalence of {run test_prevalence}.
#
# **Your numbers will be other ones**, with this very code and seed: processors add up in different
# orders, and forty epochs make much of little. The solution's AUROC differs by about
# {run sd_solution} from run to run (one standard deviation); so do not look for a mistake if you are
# within twice that.
#
# ![Twelve images above their copies: the six lowest scores are straight ones and a bold eight that come back almost unchanged; the six highest are thin, wide, loopy digits, some of them nines, that come back as something else.](figures/extremes.png)
#
# </details>
#
# **What it means.** Even a fair detector finds few nines at a false positive rate of 5 %. That is
# not your mistake. The ROC shows why: it rises slowly at its left end, and that is where we work. An
# AUROC of {run auroc_9} sums up *all* thresholds, most of which nobody would use. And the nearest image
# of the baselines had {run nearest_9}, without training: on this digit the network does not even beat
# that. On most other digits it does, as the chart of the honours part shows.
#
# Two numbers, two questions. The **AUROC** asks how well the two kinds are ranked; it does not depend
# on how many there are. The **average precision** asks how clean the top of the ranking is; chance
# level is the prevalence. Never print it without that:
#
# ![Line chart over the prevalence, from 36 to 1 per cent, for the same scores: the AUROC stays level while the average precision falls from above one half to below one tenth.](figures/prevalence.png)
#
# Same scores, fewer anomalies: at a prevalence of {run test_prevalence} the average precision is
# {run ap_all}, at 10 % {run ap_10}, at 1 % {run ap_1}. The AUROC stays at {run auroc_9}.
#
# **Stop and answer.** A paper reports an average precision of 0.90 for nine normal digits against one,
# and 0.90 again for one normal digit against nine. Which 0.90 is worth more?
# <details><summary>Answer</summary>The first. In the second 90 % of the images are anomalies, so
# chance alone gives 0.90.</details>

# %% [markdown]
# ### Beside it: an easy digit
#
# The next cell trains once more, with digit 0 left out: about {run fit_seconds} seconds. It is not
# part of what is graded.

# %% given="demo_digit_0" tags=["demo"]
try:
    easy = fit_detector(easy_split[0][:MOST_IMAGES], easy_split[1], SEED, budget=BUDGET)
    easy_scores = [easy.anomaly_score(part) for part in easy_split[2:]]
    found = np.mean(easy_scores[1] > easy.threshold)
    print(f"digit 0 left out: AUROC {auroc(*easy_scores):.3f}, {found:.0%} of the zeros found")
except NotImplementedError as not_yet:
    print(not_yet)

# %% [markdown]
# In the solution's run: AUROC {run auroc_0}, {run tpr_0} of the zeros found. Same network, same
# recipe, another digit. Which digits are easy?
#
# ![Bar chart for each digit left out with three scores: plain error, relative error, blurred error. The plain error is far below chance for digit 1 and best for 0; the relative error lifts 1, 7 and 9; the blurred one is good on nearly all.](figures/digits.png)
#
# The chart shows the AUROC on images that nobody trains on, the mean over ten seeds, for three
# scores of the *same* copies (the third one is exercise 1.6). Look at the first bars:
#
# - **Digit 1 comes out upside down**: {run plain_1} with the plain error of the sheet. A 1 has so
#   little ink that there is nothing to get wrong; an all-black copy would rank it lower still.
# - **Digit 9 is nearly the hardest**: {run plain_9}. Its strokes are those of 4 and 7.
# - Dividing by the ink (your score) lifts 1 to {run relative_1} and 9 to {run relative_9}, and costs
#   the 0 something: {run plain_0} becomes {run relative_0}.

# %% [markdown]
# ## What makes a detector better or worse
#
# Four experiments with the solution's network, all with digit 9 left out. You need not run them; the
# charts are from runs. But predict each before you look.
#
# **Predict.** Does a wider code, which copies better, detect better? Does training longer, until the
# training loss lies well below that of new images, make it worse? Are convolutions better than dense
# layers? And how far do two runs lie apart that differ in nothing but the seed?

# %% [markdown]
# *My guesses:*

# %% [markdown]
# **More capacity, worse detector.**
#
# ![Two curves over the width of the code from 2 to 64: the error on normal images falls all the way, while the AUROC rises until about 8 and then falls.](figures/capacity.png)
#
# From a code of 8 numbers to one of 64 the error on normal validation images falls from
# {run val_loss_8} to {run val_loss_64}, and the AUROC falls from {run auroc_code_8} to
# {run auroc_code_64}. The wider code copies everything better, nines too. What a detector needs is not a good
# copy, but a copy that is good for normal images *only*.
#
# **Longer training helps, and then it does not matter.**
#
# ![Curve of the AUROC over the number of epochs, up to 120, and of the error on normal validation images: the AUROC rises steeply for fifteen epochs and then wanders up and down by about 0.02, while the error levels out at the same time.](figures/epochs.png)
#
# After 2 epochs {run epochs_2}, after 5 {run epochs_5}, after 15 {run epochs_15}, after 40
# {run epochs_40}, after 120 {run epochs_120}. A network that was trained too little draws every digit
# badly, and then the unknown one is nothing special. Beyond 15 epochs the curve wanders: the
# difference between 40 and 120 epochs is no larger than that between two seeds (next chart). The
# error on validation images tells when enough is enough, and it needs no anomalies.
#
# **Dense against convolutional, and one seed is no result.**
#
# ![Dots of ten seeds for four honest networks and an untrained one, digit 9 left out: dense, convolutional and variational overlap, the tutorial network lies clearly lower, and seeds of one network spread by several hundredths.](figures/seeds.png)
#
# | network | AUROC, ten seeds | sd |
# |---|---|---|
# | dense, code of 8 | {run seeds_solution} | {run sd_solution} |
# | convolutional, code of 10 | {run seeds_convolutional_design} | {run sd_convolutional_design} |
# | variational, code of 8 | {run seeds_variational_design} | {run sd_variational_design} |
# | one layer, code of 32 (a common tutorial) | {run seeds_plain_design} | {run sd_plain_design} |
# | untrained | {run seeds_untrained} | {run sd_untrained} |
#
# Convolutions do not win on images this small and this well centred. And the best seed of one network
# can beat the worst of a better one: the dense network alone runs from {run min_solution} to
# {run max_solution}. A table with one seed per row is a table of luck.
#
# > **Pitfall.** The tutorial's network ends with a training loss of {run loss_tutorial}, the dense one
# > with {run loss_last}. The better copier is the worse detector. Whoever chooses a network by its loss
# > chooses the wrong one.

# %% [markdown]
# ## 1.6 A better score from the same reconstruction
#
# {card 1.6}
#
# So far we looked at the network. Now leave it as it is, and improve what you do with its copies.
# Write `improved_error(x, x_hat)`: like 1.2, one score per image from images and copies alone, but
# one that ranks better. There are four steps, each judged on copies of networks that never saw the
# digit in question:
#
# | step | digits left out | AUROC asked for | what reaches it | share of the points |
# |---|---|---|---|---|
# | 1 | 0, 2, 3, 4, 5, 6, 8, mean | {step 1} | any error that lets every pixel count | 10 % |
# | 2 | the same | {step 2} | the plain error does, your 1.2 does not | 20 % |
# | 3 | 9 | {step 3} | your 1.2 does, the plain error does not | 20 % |
# | 4 | all eight, mean | {step 4} | neither of the two | 40 % |
#
# The first 10 % are for the form, without which nothing counts: one finite score per image, which
# depends on this image and its copy alone, and on nothing that was scored before or beside it. The
# check asks for the same AUROCs as the grade, on other images that are as hard. None is without ink.
#
# (1 and 7 are left out: there the ink alone decides, and no honest step can be told from a lucky one.)
#
# Three ideas that work, each alone: divide by *some power* of the ink; let a stroke that is one pixel
# beside its place cost less (`box_blur(pictures, 3)` and `gaussian_blur(pictures, sigma)` are
# imported); let only the worst places count, since an odd digit is odd in one place.
#
# **Predict.** Which step will be the hardest for a score without any division?

# %% [markdown]
# *My guess:*

# %% answer="1.6"
def improved_error(x, x_hat):
    """Return one score per image from images and copies (n, 28, 28, 1): shape (n,)."""
    ### BEGIN SOLUTION
    wrong = np.sum(box_blur(x - x_hat, 3) ** 2, axis=(1, 2, 3))
    ink = np.sum(x**2, axis=(1, 2, 3))
    return wrong / np.maximum(ink, 1e-12)
    ### END SOLUTION


# %% given="blur_by_hand"
stroke, beside = np.zeros((2, 1, 5, 5))
stroke[0, :, 2], beside[0, :, 3] = 1, 1  # the same stroke, one pixel further right
print("squared error of the shifted stroke     ", np.sum((stroke - beside) ** 2))
print("the same, seen through a 3 x 3 mean     ", np.sum(box_blur(stroke - beside) ** 2).round(2))
print("and of a stroke that is not drawn at all", np.sum(box_blur(stroke) ** 2).round(2))

# %% [markdown]
# By hand: the shifted stroke is wrong in ten pixels, so its plain error is 10, twice that of a stroke
# that was left out (5). Blurred, the order turns round, and that is what an eye would say.

# %% check="1.6"
check("1.6")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 1.6 1}</details>
# <details><summary>Hint 2</summary>{hint 1.6 2}</details>
# <details><summary>My numbers look wrong</summary>Step 2 fails: too much weight on the ink; divide by
# its square root, or blur. Step 3 fails: no weight on the ink at all. All steps near 0.5: image and
# copy were blurred with so wide a blur that only the ink is left. Below 0.5: the sign.</details>

# %% given="final"
final = AutoencoderDetector(
    detector.network, detector.history, x_val, TARGET_FPR, error=improved_error
)
for name, judge in (("1.2", detector), ("1.6", final)):
    normal = attempt("scores_test", judge.anomaly_score, x_test)
    anomaly = attempt("scores_anomaly", judge.anomaly_score, x_anomaly)
    limit = attempt("1.3 threshold", lambda: judge.threshold)
    print(f"score of {name}: AUROC {auroc(normal, anomaly):.3f}, average precision "
          f"{average_precision(normal, anomaly):.3f}, found {np.mean(anomaly > limit):.1%} at "
          f"{np.mean(normal > limit):.1%} false alarms")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# In the solution's run on digit 9: AUROC {run auroc_9} with the score of 1.2, {run improved_9} with
# that of 1.6; true positive rates of {run tpr} and {run improved_tpr}. On digit 9 the two are near each
# other, and may change places in your run. Over all ten digits and ten seeds the mean AUROC is {run plain_mean} (plain),
# {run relative_mean} (1.2) and {run blurred_mean} (1.6).
#
# </details>
#
# **What it means.** The same network, the same copies, and a better detector on nearly every digit,
# for four lines and no training. A network and its score are two halves of a detector, and most
# papers tune only one of them.
#
# > **Pitfall.** You now tried several scores and kept the best one. On which images? If it was the
# > set you report on, the number is too good: you have chosen with the test set. Here the steps are
# > judged on images that you never had.
#
# **Stop and answer.** Why is a blur so wide that a whole digit becomes one spot a bad idea?
# <details><summary>Answer</summary>Then image and copy differ only in their amount of ink, and the
# detector ranks by ink again, as the black picture of 1.2 did.</details>

# %% [markdown]
# ## 1.7 Would you switch it on?
#
# {card 1.7}
#
# A sorting office wants your detector. It reads 10,000 digits a day. On an ordinary day 10 of them
# are of a kind that the detector has never seen. It will run with your network, your threshold and
# the rates that you measured above.
#
# Write about ten lines: (a) How many alarms a day will there be, how many of them right, and which
# share is that? (b) Why does that share differ so much from your own test in this notebook? (c) Which
# of AUROC, average precision, true positive rate and precision change when anomalies get rarer, and
# which do not? (d) Would you switch it on? Decide, and give a reason that follows from your numbers.
#
# What earns the points:
#
# {rubric 1.7}

# %% [markdown] question="1.7"
# ### BEGIN SOLUTION
# **A model answer** (with the solution's rates, rounded; every writer has other ones). (a) With
# tpr = 0.07 about 1 of the 10 anomalies sets off an alarm; with fpr = 0.04 about 400 of the 9,990
# normal images do. So 1 of 401 alarms is right, 0.2 %. (b) tpr and fpr are the same as in the
# notebook, because each is a share of its own set. But there 500 anomalies met 900 normal images,
# here 10 meet 9,990. The many normal images make the few per cent of false alarms outnumber
# everything. (c) AUROC and tpr do not change: neither mixes the two sets. Precision and average
# precision do, and both fall towards the prevalence. (d) Not as it is: somebody would look at 400
# alarms for 1 find and would stop looking within a week. Worth trying: a target of 0.1 % false
# alarms (about 10 a day), if a miss costs little; or the edge-map detector of the honours part, which
# finds most nines at the same rate of false alarms.
# ### END SOLUTION

# %% [markdown]
# ## Honours: how far without any network?
#
# Not graded. The best published result that we know for this task, without labels of the normal digits,
# is a mean AUROC of 0.955 over all digits and 0.934 for digit 9 (normalised autoencoder, S. Yoon, Y.-K. Noh, F. Park, ICML 2021). Can a
# nearest neighbour do that?
#
# The nearest image of the baselines compares pixels. Compare *strokes* instead:
#
# 1. smooth the image a little (sigma 0.7) and take its slope down and across, `np.gradient`;
# 2. the positive and negative parts of the two, squared, are four maps: where does an edge of that
#    direction lie?
# 3. blur each map (sigma 1.5), keep every second pixel and take the root: now a stroke may shift by a
#    pixel. Put the four maps into one row, and scale the row to length 1: now ink does not count;
# 4. the score is the mean squared distance to the ten nearest training images. For rows of length 1
#    that is `2 - 2 * own @ bank.T`;
# 5. some digits have near neighbours, others never have. So divide by the root of how far the ten
#    neighbours themselves lie from *their* ten nearest.

# %% optional="gradient_scores"
def gradient_maps(pictures):
    """Return blurred maps of edges in four directions: one row of length 1 per picture."""
    ### BEGIN SOLUTION
    smooth = gaussian_blur(pictures / 255, 0.7)
    slopes = [np.gradient(smooth, axis=axis) for axis in (1, 2)]
    halves = [np.maximum(sign * slope, 0) ** 2 for slope in slopes for sign in (1, -1)]
    cells = [gaussian_blur(half, 1.5)[:, ::2, ::2] for half in halves]
    maps = np.sqrt(np.stack(cells, axis=-1)).reshape(len(pictures), -1)
    return maps / np.maximum(np.linalg.norm(maps, axis=1, keepdims=True), 1e-12)
    ### END SOLUTION


def gradient_scores(x_train, pictures):
    """Return how far each picture lies from its ten nearest training images, on gradient maps."""
    ### BEGIN SOLUTION
    bank = gradient_maps(x_train)
    usual = np.sort(2 - 2 * bank @ bank.T, axis=1)[:, 1:11].mean(axis=1)
    distances = 2 - 2 * gradient_maps(pictures) @ bank.T
    nearest = np.argsort(distances, axis=1)[:, :10]
    near = np.take_along_axis(distances, nearest, axis=1).mean(axis=1)
    return near / np.sqrt(usual[nearest].mean(axis=1))
    ### END SOLUTION


# %% given="demo_gradients" tags=["demo"]
few = [part[:1000] for part in (x_test, x_anomaly)]
try:
    edges = [gradient_scores(x_train[:5000], part) for part in few]
    print(f"gradient maps, nearest neighbour: AUROC {auroc(*edges):.3f}")
except NotImplementedError as not_yet:
    print(not_yet)

# %% [markdown]
# The kit carries a longer relative of yours, `data_utils.edge_maps`: a hundred lines, no training. It
# lets every stroke move a little on its own before it compares, asks in both directions (strokes of the
# image that the neighbour lacks, and strokes of the neighbour that the image lacks), and counts only
# the worst places. The next cell takes about {run edge_seconds} seconds.

# %% given="demo_edge_maps" tags=["demo"]
from data_utils.edge_maps import EdgeMapNeighbours

strokes = EdgeMapNeighbours(x_train[:5000], x_val[:500])
edges = [strokes.anomaly_score(part) for part in few]
print(f"edge maps: AUROC {auroc(*edges):.3f}, {np.mean(edges[1] > strokes.threshold):.0%} found at "
      f"{np.mean(edges[0] > strokes.threshold):.1%} false alarms")
heat = strokes.explain(x_anomaly[:8])
show_images(np.concatenate([x_anomaly[:8], np.uint8(255 * heat)]), columns=8)
plt.show()

# %% [markdown]
# <details><summary>What you should see</summary>
#
# | digit 9 left out | AUROC | nines found |
# |---|---|---|
# | autoencoder, score of 1.6 | {run improved_9} | {run improved_tpr} |
# | gradient maps, nearest neighbour (yours) | {run gradient_9} | {run gradient_tpr} |
# | edge maps | {run edge_9} | {run edge_tpr} |
#
# ![Bar chart for each digit left out of four detectors: nearest image, autoencoder, gradient maps and edge maps. Edge maps lie above 0.95 on every digit, gradient maps come second, the autoencoder is best on none and last on 1 and 9.](figures/honours.png)
#
# On the held-out images the mean over all ten digits is {run gradient_mean} for gradient maps and
# {run edge_mean} for edge maps.
#
# </details>
#
# **What it means.** A nearest neighbour that knows *which differences do not matter* beats the deep
# methods on this task, in seconds and without training. Whoever wrote it put that knowledge in by hand:
# strokes have edges, edges may shift. So what are deep methods for? For images where nobody can write
# down which differences do not matter. Digits are not such images, and a paper that shows its method
# on MNIST alone has not shown that it is needed.

# %% [markdown]
# ## Try it by hand
#
# No points here. The next cell opens a page below it, on which your detector judges what you draw, upload or
# pick. It shows the image as the detector sees it, the score among those of validation images, and the
# verdict. Move the rate of false alarms, and watch the threshold and the four counts.
#
# Draw your own digits, thin and thick, in the middle and at the edge, and then a nine. Which part of the
# drawing does the copy lose?

# %% given="explore" tags=["demo"]
from data_utils.explorer import explore, save_detector
NORMAL = f"every digit but the {ANOMALY_DIGIT}"
try:
    page = explore(detector, x_val, x_test, x_anomaly, normal=NORMAL)
except Exception as reason:
    print(reason)

# %% [markdown]
# Save it, and `python -m data_utils.explorer` in this folder shows it again, beside the detectors of the
# other notebooks. The file holds numbers and a network, but none of your code.

# %% given="save_detector" tags=["demo"]
try:
    saved = save_detector(detector, 1, x_val=x_val, normal=NORMAL, x_normal=x_test, x_anomaly=x_anomaly)
    print(f"saved as {saved.name}")
except Exception as reason:
    print(reason)

# %% [markdown]
# ## In this notebook you have
#
# - kept one class unknown, and seen what a leak does;
# - turned copies into scores, with baselines before the network;
# - taken a threshold from validation normals, and told counts from rates;
# - trained an autoencoder, and seen that a better copier is not a better detector;
# - improved the score without touching the network, and been beaten by a nearest neighbour.
#
# **Test yourself.** Why is accuracy not in this notebook? When is an AUROC of 0.06 good news? What
# would you report for a detector of something that nobody has ever seen?
# <details><summary>Answers</summary>With few anomalies "always normal" has a high accuracy. 0.06 is
# 0.94 upside down: the sign is wrong. Its false positive rate on fresh normal images, with an interval,
# and nothing about detection, until there is something to detect.</details>

# %% given="progress"
progress()

# %% [markdown]
# **Read on.** Y. LeCun, C. Cortes, MNIST handwritten digit database (2010). F. Chollet, "Building
# autoencoders in Keras" (2016): the tutorial network of the chart above. L. Ruff et al., "A Unifying
# Review of Deep and Shallow Anomaly Detection", Proceedings of the IEEE (2021), section IV on
# reconstruction models. S. Yoon et al., "Autoencoding Under Normalization Constraints", ICML (2021):
# why autoencoders copy what they have never seen. D. Keysers et al., "Deformation Models for Image
# Recognition", IEEE TPAMI (2007): the idea behind the edge maps.
