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
# # 3 Features from another world
#
# A network that was trained on a million photographs has never seen a digit. You use it to find odd
# digits all the same, and learn what can go wrong on the way. By the end you can
#
# - test a paper's numbers against each other before you believe any of them,
# - prepare images for a pretrained network, and choose the layer to read,
# - say why a classifier that sees one label learns nothing, and how a scaler can hand it the other one,
# - build a detector from nearest neighbours or a Gaussian, without any training,
# - use a few labelled anomalies, freeze what must not learn, and set a threshold that holds,
# - draw a Grad-CAM map, and test whether it says anything about the network.
#
# The system is that of *Anomaly Detection in Handwritten Digit Images Using ResNet-50 on MNIST* (we
# call it *the paper*): a ResNet-50 that was trained on ImageNet, its last layer replaced by one node
# with a sigmoid, trained by binary cross-entropy. Digits 0 to 8 are normal, 9 is the anomaly. Twelve
# exercises and one question, {points} points, about {minutes} minutes of your time. The whole notebook
# computes for about {run notebook_seconds} seconds on one processor core.
#
# **Words.** *Nine* digits are normal here and one is the anomaly (*leave-one-digit-out*). The anomaly
# is the positive class, and a higher score always means "more anomalous". The *backbone* is the
# pretrained network without its last layer. It works in *stages*: each makes a smaller picture with
# more channels (its *maps*), and the mean of each channel over all positions is a *feature*.

# %% [markdown]
# **How to work.** Run the cells from top to bottom. Where it says *Predict*, write a guess before
# you go on. Below each exercise a `check` tells at once what is wrong. An exercise that you skip does
# not block the next one; its place is taken by results that were computed before. After a restart of
# the kernel choose *Run All Above Selected Cell* in the *Run* menu.

# %% [markdown]
# ## Set-up
#
# Run the next four cells first, and again after every restart of the kernel.

# %% given="setup" tags=["definitions"]
# %matplotlib inline
import matplotlib.pyplot as plt
import numpy as np
from data_utils.runtime import current_profile, describe_setup, quiet_start

with quiet_start():  # torch warns about things that do not matter here
    import torch
    from torch import nn

# %% given="setup_kit" tags=["definitions"]
from data_utils.backbones import LAYERS, load_backbone
from data_utils.datasets import MNIST_COUNTS, load_mnist
from data_utils.metrics import auroc, average_precision, prevalence
from data_utils.plots import plot_roc, plot_score_histogram, show_images
from data_utils.plots_transfer import plot_bars, show_heat_maps
from data_utils.prepared import prepared_arrays
from data_utils.selfcheck import attempt, check, progress
from data_utils.splits import nine_vs_one
from data_utils.transfer import fine_tune, maps_and_slopes
from sklearn.mixture import GaussianMixture

# %% given="constants" tags=["definitions"]
ANOMALY_DIGIT = 9  # as in the paper; any other will do
SEED = 0
TARGET_FPR = 0.05  # the share of false alarms that we can live with
SIZE = 32  # pixels; the paper takes 224, which costs 49 times as much
LAYER = "middle"  # the stage whose features are read; 3.7 shows why
NEIGHBOURS = 3
BANK = {"quick": 1000, "embedded": 3600, "full": 10000}  # normal images to compare with
EXPLORED = 1000  # training images that the cells between the exercises look at
BUDGET = current_profile()

# %% given="load_images"
print(describe_setup("torch"))
data = load_mnist()
split = nine_vs_one(data.images, data.labels, anomaly_digit=ANOMALY_DIGIT, seed=SEED)
x_train, x_val, x_test = split.x_train, split.x_val, split.x_test
x_labelled, x_anomaly = split.x_labelled, split.x_anomaly
print(f"normal: {len(x_train)} to train on, {len(x_val)} for validation, {len(x_test)} to judge;")
print(f"digit {ANOMALY_DIGIT}: {len(x_labelled)} labelled, {len(x_anomaly)} to judge")
backbone = load_backbone()
print(f"backbone: {backbone.name}, {backbone.source}")

# %% [markdown]
# <details><summary>What you should see</summary>In the profiles <code>quick</code> and
# <code>embedded</code> 3,600, 450 and 450 normal images and 50 and 450 anomalies; in
# <code>full</code> 43,241, 5,405 and 5,405, and 50 and 5,000. The backbone is EfficientNet-Lite0,
# unless you have asked for another one.</details>
#
# **Which network?** The paper takes ResNet-50 (He et al., 2016), with {run resnet_weights} million
# weights. For its future work it wishes for a lighter one. EfficientNet-Lite0 (Tan and Le, 2019) has
# {run lite_weights} million, its weights come with a Python package, and it needs {run lite_share} of
# the time for the features that we use. Every number in this text is from it. To use ResNet-50, put
# `resnet50-0676ba61.pth` of torchvision into a folder, set `ANOMALY_COURSE_WEIGHTS` to that folder and
# `ANOMALY_COURSE_BACKBONE` to `resnet50`, and restart. Nothing in your code has to change.

# %% [markdown]
# ## 3.1 A split that can exist
#
# {card 3.1}
#
# The paper trains on 55,000 normal images and validates on 5,000; it tests on 8,000 normal images and
# 1,000 anomalies. MNIST comes in two official parts, for training and for testing. Is there enough?
#
# Write `repair_split(asked, available)`. Both are dicts of counts: `asked` has the keys `"train"`,
# `"val"`, `"test_normal"`, `"test_anomaly"`; `available` has `"train_normal"`, `"test_normal"` and
# `"test_anomaly"`: what the official parts hold. Return a dict with
#
# - `"missing"`: how many normal images are asked for beyond all that exist, 0 if there are enough;
# - `"val"`, `"train"`, `"test_normal"`, `"test_anomaly"`: a split that can exist. Images for testing come
#   from the official test part alone, all others from the official training part alone. Validation is
#   served first, training gets what is left. Nothing gets more than was asked for.
#
# **Predict.** MNIST has 70,000 images. How many of them do not show a 9?

# %% [markdown]
# *My guess:*

# %% answer="3.1"
def repair_split(asked, available):
    """Return how many normal images are missing, and counts that can exist."""
    ### BEGIN SOLUTION
    normal = asked["train"] + asked["val"] + asked["test_normal"]
    val = min(asked["val"], available["train_normal"])
    return {
        "missing": max(0, normal - available["train_normal"] - available["test_normal"]),
        "val": val,
        "train": min(asked["train"], available["train_normal"] - val),
        "test_normal": min(asked["test_normal"], available["test_normal"]),
        "test_anomaly": min(asked["test_anomaly"], available["test_anomaly"]),
    }
    ### END SOLUTION


# %% given="split_by_hand"
try:
    wanted = {"train": 6, "val": 2, "test_normal": 3, "test_anomaly": 1}
    print(repair_split(wanted, {"train_normal": 7, "test_normal": 2, "test_anomaly": 5}))
    print("by hand: missing 2, val 2, train 5, test_normal 2, test_anomaly 1")
except NotImplementedError as not_yet:
    print(not_yet)

# %% check="3.1"
check("3.1")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 3.1 1}</details>
# <details><summary>Hint 2</summary>{hint 3.1 2}</details>
# <details><summary>My numbers look wrong</summary>A negative number: use <code>max(0, ...)</code>. More
# than was asked for: use <code>min</code>. Training gets all that exists: validation was not taken
# off.</details>

# %% given="split_of_the_paper"
counts_train, counts_test = (np.array(MNIST_COUNTS[part]) for part in ("train", "test"))
available = {"train_normal": int(counts_train[:9].sum()), "test_normal": int(counts_test[:9].sum()),
             "test_anomaly": int(counts_test[9])}
asked = {"train": 55000, "val": 5000, "test_normal": 8000, "test_anomaly": 1000}
print("available:", available)
print("repaired: ", attempt("3.1 repaired", repair_split, asked, available))

# %% [markdown]
# <details><summary>What you should see</summary>54,051 normal images for training, 8,991 for testing,
# 1,009 nines for testing. 4,958 images are missing; training gets 49,051, the rest is as the paper
# asks.</details>
#
# **What it means.** The experiment cannot have been done as it is described. The 55,000 alone are more
# than the official training part has, so either test images were used for training, or the number is
# wrong. The repaired split keeps the paper's idea and can be built.

# %% [markdown]
# ## 3.2 What its numbers force
#
# {card 3.2}
#
# The paper reports accuracy 98.5 %, precision 94.7 %, recall 96.3 % and AUROC 0.978, on 8,000 normal
# images and 1,000 anomalies. Recall (the true positive rate) and precision fix all four counts, so the
# accuracy is no longer free.
#
# They also fix one point of the ROC curve. The curve rises from (0, 0) to (1, 1), never falls, and goes
# through that point (fpr, tpr). So it cannot lie below the staircase that waits until fpr before it rises
# to tpr and then stays there (area `tpr * (1 - fpr)`). And it cannot lie above the one that starts at tpr
# and jumps to 1 right after fpr (area `fpr * tpr + 1 - fpr`).
#
# Write `forced_numbers(recall, precision, positives, negatives)`: two rates and two counts in, a dict
# out with `"tp"`, `"fp"` (they need not be whole numbers), `"accuracy"`, `"always_normal"` (the accuracy
# of calling everything normal), `"auroc_lowest"` and `"auroc_highest"`. Whoever rounds the two counts to whole
# images is right too; the four shares are not rounded.
#
# **Predict.** Which of the paper's four numbers is wrong?

# %% [markdown]
# *My guess:*

# %% answer="3.2"
def forced_numbers(recall, precision, positives, negatives):
    """Return the counts, accuracies and bounds on the AUROC that follow from two rates."""
    ### BEGIN SOLUTION
    tp = recall * positives
    fp = tp / precision - tp
    fpr = fp / negatives
    return {
        "tp": tp,
        "fp": fp,
        "accuracy": (tp + negatives - fp) / (positives + negatives),
        "always_normal": negatives / (positives + negatives),
        "auroc_lowest": recall * (1 - fpr),
        "auroc_highest": fpr * recall + 1 - fpr,
    }
    ### END SOLUTION


# %% given="numbers_by_hand"
try:
    print(forced_numbers(0.5, 0.5, positives=10, negatives=40))
    print("by hand: tp 5, fp 5, accuracy 0.8, always_normal 0.8, AUROC from 0.4375 to 0.9375")
except NotImplementedError as not_yet:
    print(not_yet)

# %% check="3.2"
check("3.2")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 3.2 1}</details>
# <details><summary>Hint 2</summary>{hint 3.2 2}</details>
# <details><summary>My numbers look wrong</summary>An fp of hundreds: precision is the share of the
# <em>alarms</em> that are right, tp / (tp + fp). An AUROC above 1: the false positive rate is fp over the
# negatives, not over all images.</details>

# %% given="numbers_of_the_paper"
forced = attempt("3.2 forced", forced_numbers, 0.963, 0.947, 1000, 8000)
for name, value in forced.items():
    print(f"{name:15s} {value:9.4f}")
print("the paper says: accuracy 0.985, AUROC 0.978")

# %% [markdown]
# <details><summary>What you should see</summary>963 true and 53.9 false alarms; accuracy 0.9899; always
# normal 0.8889; an AUROC from 0.9565 to 0.9998.</details>
#
# **What it means.** With this recall and precision the accuracy is 99.0 %, not 98.5 %: a difference of 44
# images of 9,000. No confusion matrix gives all three numbers. The AUROC of 0.978 is possible, but odd: a
# detector that finds 96 % at a false positive rate of 0.7 % would have to rank its last 4 % among the most
# normal images of all. And the baseline of 88.9 % is not mentioned. You have found this with a pencil, before
# any training.

# %% [markdown]
# ## 3.3 Images as the backbone knows them
#
# {card 3.3}
#
# The backbone saw colour photographs, in three channels, scaled to [0, 1] and then *standardised*: each
# channel minus a mean, divided by a standard deviation. Its first weights expect exactly that. Digits have one
# channel of grey, 28 pixels wide.
#
# Write `to_backbone(images, size, mean, std)`: uint8 `(n, 28, 28)` in, float32 NumPy array
# `(n, 3, size, size)` out. Scale to [0, 1], enlarge to `size` x `size` with
# `nn.functional.interpolate(..., mode="bilinear")`, put the same picture into three channels, and
# standardise channel `c` by `mean[c]` and `std[c]`. Scaling means dividing by 255, also where no pixel is
# bright. Leave the input as it is. Right is what comes within 1.5 grey values of 255; `align_corners` is up to you.
#
# **Predict.** The paper scales to [0, 1] and stops there. Will that ruin the features?

# %% [markdown]
# *My guess:*

# %% answer="3.3"
def to_backbone(images, size, mean, std):
    """Return images (uint8, (n, 28, 28)) as the backbone takes them: float32 (n, 3, size, size)."""
    ### BEGIN SOLUTION
    x = torch.as_tensor(images.astype(np.float32))[:, None] / 255
    x = nn.functional.interpolate(x, size=(size, size), mode="bilinear")
    mean, std = (torch.tensor(values, dtype=torch.float32).view(1, 3, 1, 1) for values in (mean, std))
    return ((x - mean) / std).numpy()
    ### END SOLUTION


# %% given="backbone_by_hand"
try:
    white = np.full((2, 28, 28), 255, np.uint8)
    x_tiny = to_backbone(white, 32, mean=(0.5, 0.4, 0.0), std=(0.5, 0.2, 2.0))
    print(x_tiny.shape, x_tiny.dtype, x_tiny[0, :, 0, 0])
    print("by hand: (2, 3, 32, 32) float32 [1, 3, 0.5]")
except NotImplementedError as not_yet:
    print(not_yet)

# %% check="3.3"
check("3.3")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 3.3 1}</details>
# <details><summary>Hint 2</summary>{hint 3.3 2}</details>
# <details><summary>My numbers look wrong</summary>"Got 3D input": <code>interpolate</code> wants a channel
# axis, <code>x[:, None]</code>. Numbers in the hundreds: not divided by 255. Shape (n, 32, 32, 3): that is
# the order of Keras.</details>
#
# From now on a function of the kit's does the rest: `backbone.features(x, layer)` gives the features of a
# stage, one row per image.

# %% given="features_of" tags=["definitions"]
def features_of(network, images, layer=LAYER):
    """Return the features (n, k) of images (uint8, (n, 28, 28)) at a stage of a backbone."""
    return network.features(to_backbone(images, SIZE, network.mean, network.std), layer)


# %% given="features_of_sets"
f_train = attempt("3.3 train", features_of, backbone, x_train[:EXPLORED])
f_val = attempt("3.3 val", features_of, backbone, x_val[:450])
f_test = attempt("3.3 test", features_of, backbone, x_test[:450])
f_anomaly = attempt("3.3 anomaly", features_of, backbone, x_anomaly[:450])
f_labelled = attempt("3.3 labelled", features_of, backbone, x_labelled)
print(f"{f_train.shape[1]} features of each image; {len(f_train)} training images")

# %% [markdown]
# **What it means.** In the detector that you will build, features of images that are *not* standardised
# reach an AUROC of {run raw_middle} on held-out images where standardised ones reach {run floor_solution}
# (means over ten seeds): worse, not useless. The network's batch norm was fitted to other numbers, but edges
# are still edges. A missing step like this one raises no error and costs two hundredths. That is why it
# survives in published code.

# %% [markdown]
# ## 3.4 What a digit survives
#
# {card 3.4}
#
# The paper augments its training images with "rotations and flips". An augmentation tells the network "this
# makes no difference". On photographs a mirrored cat is a cat. On digits?

# %% given="look_at_flips"
shown = np.stack([x_train[split.train_labels == digit][0] for digit in (2, 3, 4, 6, 7)])
show_images(np.concatenate([shown, shown[:, :, ::-1], shown[:, ::-1], np.rot90(shown, 2, (1, 2))]),
            columns=5)
plt.show()

# %% [markdown]
# <details><summary>What you should see</summary>
#
# ![Four rows of the digits 2, 3, 4, 6 and 7: as they are, mirrored left to right, mirrored top to bottom, and turned by half a circle. Mirrored left to right none of them is a digit any more, top to bottom only the 3 still is; the turned 6 is a 9.](figures/flips.png)
#
# </details>
#
# A 6 that is turned by half a circle *is* the anomaly. Take each test image, change it, and ask which
# digit its nearest training image shows (it may be moved by up to two pixels to fit). After a shift by up to two pixels it is the same digit for
# {run same_shift} of them (as they are: {run same_as_is}), after a turn by 10 degrees for {run same_turn_10}, after
# a turn by half a circle for {run same_turn_180}, mirrored for {run same_flip}.
#
# Write the one that keeps a digit a digit: `shifted(images, seed, most=2)`, uint8 in and out. Move *each* image by its own
# random whole number of pixels, from `-most` to `most`, down and to the right, and fill what becomes free
# with black. Nothing that leaves on one side may come back on the other. The same seed gives the same
# result; `images` stays as it is.

# %% [markdown]
# *My guess of how many different results one image can have with `most=2`:*

# %% answer="3.4"
def shifted(images, seed, most=2):
    """Return each image (uint8, (n, 28, 28)) moved by up to `most` pixels, black behind it."""
    ### BEGIN SOLUTION
    random = np.random.default_rng(seed)
    padded = np.pad(images, ((0, 0), (most, most), (most, most)))
    corners = random.integers(0, 2 * most + 1, size=(len(images), 2))
    height, width = images.shape[1:]
    return np.stack([
        image[top : top + height, left : left + width]
        for image, (top, left) in zip(padded, corners, strict=True)
    ])
    ### END SOLUTION


# %% given="shift_by_hand"
try:
    spot = np.zeros((6, 28, 28), np.uint8)
    spot[:, 14, 14] = 255  # one white pixel in the middle
    print([np.argwhere(image)[0].tolist() for image in shifted(spot, seed=0)])
    print("by hand: six positions from [12, 12] to [16, 16], not all the same")
except NotImplementedError as not_yet:
    print(not_yet)

# %% check="3.4"
check("3.4")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 3.4 1}</details>
# <details><summary>Hint 2</summary>{hint 3.4 2}</details>
# <details><summary>My numbers look wrong</summary>Ink on both sides: <code>np.roll</code> turns what leaves
# into what comes in. All images move alike: the numbers were drawn once, not once for each image.</details>
#
# **Stop and answer.** Whoever trains on mirrored digits as normal: which anomalies will be missed?
# <details><summary>Answer</summary>All that look like a mirrored digit: a 2 drawn backwards is now
# "normal". And nothing was won, because no mirrored digit is waiting in the test set.</details>

# %% [markdown]
# ## 3.5 One label
#
# {card 3.5}
#
# The paper trains on normal images alone, with one sigmoid node and binary cross-entropy. So every label
# is 0. With features $x$, weights $w$ and $b$, and $p=\sigma(wx+b)$, the loss is $-\overline{\log(1-p)}$.
#
# Write `train_head(features, labels, seed)`. Seed torch, make an `nn.Linear` from the features to **one**
# node, and train it by binary cross-entropy on all images at once: Adam with a rate of 0.01, 300 steps, no
# class weights. Use `nn.functional.binary_cross_entropy_with_logits`; so there is no sigmoid in the head.
# Return the `nn.Linear`. Features and labels are NumPy arrays, of any type of numbers. All images in each step
# means that their order makes no difference. The grade asks that the loss falls below 0.2 where all labels are 0,
# that probabilities come within 0.03 of the best ones where two kinds overlap, and that the same seed gives the
# same head, whatever was drawn before.
#
# **Predict.** All labels are 0. Where does the loss go, and what has the network learnt about nines?

# %% [markdown]
# *My guess:*

# %% answer="3.5"
def train_head(features, labels, seed):
    """Return an nn.Linear with one output, trained by binary cross-entropy."""
    ### BEGIN SOLUTION
    torch.manual_seed(seed)
    x = torch.as_tensor(features, dtype=torch.float32)
    targets = torch.as_tensor(labels, dtype=torch.float32)
    head = nn.Linear(x.shape[1], 1)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)
    for _ in range(300):
        loss = nn.functional.binary_cross_entropy_with_logits(head(x)[:, 0], targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return head
    ### END SOLUTION


# %% given="logits_of" tags=["definitions"]
def logits_of(head, features):
    """Return the logits (n,) that a head gives to features (n, k)."""
    weight = next(head.parameters())
    with torch.no_grad():
        x = torch.as_tensor(features, dtype=weight.dtype, device=weight.device)
        return head(x).cpu().numpy().reshape(-1)


# %% given="head_by_hand"
try:
    two_heaps = np.array([[-1.0, 0.0], [-1.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    print(np.round(logits_of(train_head(two_heaps, np.array([0, 0, 1, 1]), seed=0), two_heaps), 1))
    print("by hand: two numbers below zero, then two above")
except NotImplementedError as not_yet:
    print(not_yet)

# %% check="3.5"
check("3.5")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 3.5 1}</details>
# <details><summary>Hint 2</summary>{hint 3.5 2}</details>
# <details><summary>My numbers look wrong</summary>"Target size must be the same as input size": the head
# gives (n, 1), the labels are (n,). All logits are alike: the optimiser does not hold the head's
# parameters, or <code>zero_grad</code> is missing.</details>

# %% given="collapse"
scale = nn.BatchNorm1d(f_train.shape[1], affine=False, momentum=None)
with torch.no_grad():  # brings all features to one scale: that of the training images
    scale(torch.as_tensor(f_train))
    g_train, g_test, g_anomaly = (scale.eval()(torch.as_tensor(f)).numpy()
                                  for f in (f_train, f_test, f_anomaly))


def one_label(seed):
    """Train on normal images alone; return loss, largest probability and AUROC."""
    head = train_head(g_train, np.zeros(len(g_train)), seed)
    train, normal, anomaly = (logits_of(head, g) for g in (g_train, g_test, g_anomaly))
    largest = 1 / (1 + np.exp(-max(normal.max(), anomaly.max())))
    return np.log1p(np.exp(train)).mean(), largest, auroc(normal, anomaly)


# %% given="collapse_runs"
one_label_runs = np.array([attempt(f"3.5 collapse {seed}", one_label, seed) for seed in range(5)])
for seed, (loss, largest, area) in enumerate(one_label_runs):
    print(f"seed {seed}: loss {loss:.4f}, largest probability {largest:.3f}, AUROC {area:.3f}")

# %% [markdown]
# <details><summary>What you should see</summary>The loss falls to about {run collapse_loss}
# and would go on falling, no image has a probability near one half, and the AUROC is another one for
# each seed. Over ten seeds it runs from {run collapse_low} to {run collapse_high}, with a mean of
# {run collapse_mean}.</details>
#
# **What it means.** With one label the best answer is "0" for everything, and a large negative bias
# gives it. The weights are whatever they were at the start. So the AUROC is whatever the *seed* says:
# one training in ten comes to {run collapse_high}, and whoever publishes that one has published luck. At p > 0.5 the
# accuracy is 88.9 % ("always normal"), precision and recall are 0. The paper's result cannot have come about
# this way: either it had labelled anomalies, or they got in unseen.

# %% [markdown]
# ## 3.6 How the labels get back in
#
# {card 3.6}
#
# Features have different scales, so they are standardised: minus their mean, divided by their standard
# deviation. Whose mean?
#
# Write `standardise(train, *others)`. Each argument is an array of features `(n, k)`. Return a list: first
# `train`, then the others, all with mean and standard deviation of `train`, column by column (of n rows or of
# n - 1, as you like). A column that does not vary in `train` must not divide by zero: it gives finite numbers, and
# 0 where it has its mean.
#
# **Predict.** A scaler sees no labels. Can it leak them?

# %% [markdown]
# *My guess:*

# %% answer="3.6"
def standardise(train, *others):
    """Return all arrays of features in standard deviations of `train`, from its mean."""
    ### BEGIN SOLUTION
    mean, std = train.mean(axis=0), train.std(axis=0)
    std = np.where(std > 1e-12, std, 1.0)
    return [(features - mean) / std for features in (train, *others)]
    ### END SOLUTION


# %% given="scaler_by_hand"
try:
    small = np.array([[1.0, 5.0], [3.0, 5.0]])  # means 2 and 5, standard deviations 1 and 0
    print([part.tolist() for part in standardise(small, np.array([[4.0, 5.0]]))])
    print("by hand: [[-1, 0], [1, 0]] and [[2, 0]]")
except NotImplementedError as not_yet:
    print(not_yet)

# %% check="3.6"
check("3.6")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 3.6 1}</details>
# <details><summary>Hint 2</summary>{hint 3.6 2}</details>
# <details><summary>My numbers look wrong</summary>Every array has a mean of 0: each was standardised by
# itself. One mean for all columns: <code>axis=0</code> is missing. NaN: a column without variation.</details>
#
# Now the experiment of 3.5 again, with the only change that mean and standard deviation come from *all*
# images, 1,000 normal ones and 450 nines, as a data set is often scaled before it is split. No label is used.

# %% given="leak"
def leaked(seed):
    """As one_label, but the scaler has seen the anomalies too; return the AUROC."""
    everything = np.concatenate([f_train, f_anomaly])
    parts = (part.copy() for part in (f_train, f_test, f_anomaly))
    _, train, normal, anomaly = standardise(everything, *parts)
    head = train_head(train, np.zeros(len(train)), seed)
    return auroc(logits_of(head, normal), logits_of(head, anomaly))


leaks = [attempt(f"3.6 leak {seed}", leaked, seed) for seed in range(5)]
print("AUROC of five seeds:", np.round(leaks, 3))

# %% [markdown]
# <details><summary>What you should see</summary>About {run leak_mean} for every seed, where the same
# training gave anything from {run collapse_low} to {run collapse_high} before.</details>
#
# **What it means.** The nines pull the mean of all images a little towards themselves. So, measured from
# that mean, the normal images lie a little on the *other* side: all of them are shifted by the same vector,
# which points away from the nines. "Make the output small for these" then means "make it large in the
# direction of the nines". The labels came back through the mean. Nothing crashed, no label was
# passed, and the number that came out is even better than the paper's 0.978.
#
# > **Pitfall.** Fit *everything* that is fitted on the training set alone: scalers, PCA, feature selection,
# > thresholds. Split first.

# %% [markdown]
# ## 3.7 Neighbours
#
# {card 3.7}
#
# The honest way needs no training at all. Keep the features of normal images, the *bank*. The score of an
# image is how far it lies from the nearest of them.
#
# Write `neighbour_distance(bank, queries, k)`: features `(m, d)` and `(n, d)` in, the *mean* of the
# Euclidean distances to the `k` nearest rows of the bank out, `(n,)`. A distance of 0 counts, and so does a row
# that stands in the bank twice. Single precision is enough.
#
# **Predict.** Which of the four stages will tell nines from other digits best: the one that sees edges, the
# one that sees parts, the middle one, or the last, which told 1,000 kinds of objects apart?

# %% [markdown]
# *My guess:*

# %% answer="3.7"
def neighbour_distance(bank, queries, k):
    """Return the mean distance of each query to its k nearest rows of the bank."""
    ### BEGIN SOLUTION
    distances = torch.cdist(torch.as_tensor(queries), torch.as_tensor(bank))
    return distances.topk(k, largest=False).values.mean(dim=1).numpy()
    ### END SOLUTION


# %% given="neighbours_by_hand"
try:
    corner = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 2.0]])
    print(neighbour_distance(corner, np.array([[0.0, 0.0], [3.0, 0.0]]), k=2))
    print("by hand: (0 + 2) / 2 = 1 and (3 + 13 ** 0.5) / 2 = 3.303")
except NotImplementedError as not_yet:
    print(not_yet)

# %% check="3.7"
check("3.7")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 3.7 1}</details>
# <details><summary>Hint 2</summary>{hint 3.7 2}</details>
# <details><summary>My numbers look wrong</summary>The second number is 11: squared distances; take the
# root before the mean. One number per row of the bank: bank and queries are swapped.</details>

# %% given="layer_areas" tags=["definitions"]
def area_of(network, layer):
    """Return the AUROC of your distance on features of a stage."""
    bank, normal, anomaly = (features_of(network, x, layer)
                             for x in (x_train[:EXPLORED], x_test[:450], x_anomaly[:450]))
    return auroc(*(neighbour_distance(bank, f, NEIGHBOURS) for f in (normal, anomaly)))


def areas_by_layer():
    """Return the AUROCs of the trained backbone and of one with random weights, by stage."""
    random_one = load_backbone(backbone.name, pretrained=False)
    return {"trained on ImageNet": [area_of(backbone, layer) for layer in LAYERS],
            "random weights": [area_of(random_one, layer) for layer in LAYERS]}


# %% given="layers" tags=["demo"]
plot_bars(attempt("3.7 layers", areas_by_layer), LAYERS, "AUROC")
plt.show()

# %% [markdown]
# <details><summary>What you should see</summary>
#
# ![Bars of the AUROC for the stages edges, parts, middle and last. With ImageNet's weights they rise from near chance to a peak at the middle stage, and fall again at the last one. With random weights all four lie a little below one half.](figures/layers.png)
#
# </details>
#
# **What it means.** The *middle* stage wins: {run layer_middle}, against {run layer_edges} (edges),
# {run layer_parts} (parts) and {run layer_last} (last). Edges are too simple: a nine is made of the same
# ones. The last stage answers "which of 1,000 objects?", and digits are none of them; at 32 pixels it has a
# single position left. Tutorials take the last stage. The same network with random weights reaches
# {run random_middle}, so it *is* what was learnt from photographs. Pixels alone, by the same distance:
# {run pixel_9}.

# %% [markdown]
# ## 3.8 A Gaussian
#
# {card 3.8}
#
# A bank must be kept and searched. A Gaussian is a summary: mean $\mu$ and covariance $\Sigma$ of the normal
# features. Its score is the squared Mahalanobis distance
# $$d^2(x) = (x-\mu)^\top\Sigma^{-1}(x-\mu)$$
# With few images and many features $\Sigma$ can hardly be inverted. So it is *shrunk* towards a sphere of the
# same mean variance: $(1-s)\,\Sigma + s\,\overline{v}\,I$, where $\overline{v}$ is the mean of $\Sigma$'s
# diagonal.
#
# Write `gaussian_distance(bank, queries, shrinkage=0.1)`, which returns $d^2$ of each query, `(n,)`, to about
# three digits. The variance may be that of n or of n - 1 rows.
#
# **Predict.** The bank holds nine digits: nine heaps. Will one Gaussian do as well as neighbours?

# %% [markdown]
# *My guess:*

# %% answer="3.8"
def gaussian_distance(bank, queries, shrinkage=0.1):
    """Return the squared Mahalanobis distance of each query from the bank, (n,)."""
    ### BEGIN SOLUTION
    covariance = np.cov(bank, rowvar=False)
    sphere = np.eye(len(covariance)) * np.trace(covariance) / len(covariance)
    inverse = np.linalg.inv((1 - shrinkage) * covariance + shrinkage * sphere)
    away = queries - bank.mean(axis=0)
    return np.einsum("ij,jk,ik->i", away, inverse, away)
    ### END SOLUTION


# %% given="gaussian_by_hand"
try:
    cross = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])  # wide and flat
    print(gaussian_distance(cross, np.array([[2.0, 0.0], [0.0, 2.0]]), shrinkage=0.0))
    print("by hand: 1.5 and 6 (or 2 and 8, with the variance of n instead of n - 1)")
except NotImplementedError as not_yet:
    print(not_yet)

# %% check="3.8"
check("3.8")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 3.8 1}</details>
# <details><summary>Hint 2</summary>{hint 3.8 2}</details>
# <details><summary>My numbers look wrong</summary>A matrix (n, n) comes out: only its diagonal was meant. A
# "singular matrix": the shrinkage was left out.</details>

# %% given="probabilistic"
def mixture_distance(bank, queries):
    """Return how unlikely a mixture of nine Gaussians finds each query."""
    mixture = GaussianMixture(9, reg_covar=0.01, random_state=SEED).fit(bank)
    return -mixture.score_samples(queries)


def areas_of_densities():
    """Return the AUROC of one Gaussian, and of nine."""
    parts = [standardise(f_train.copy(), f.copy()) for f in (f_test, f_anomaly)]
    return {function.__name__: auroc(*(function(*part) for part in parts))
            for function in (gaussian_distance, mixture_distance)}


print(attempt("3.8 densities", areas_of_densities))

# %% [markdown]
# <details><summary>What you should see</summary>About {run gaussian_9} for one Gaussian and
# {run mixture_9} for nine. On held-out images, means over ten draws of the training images:
# {run gaussian_mean} and {run mixture_mean}.</details>
#
# **What it means.** One Gaussian over nine heaps also covers the space between them, and that is where a 9
# lies, between 4 and 7. Nine Gaussians (the paper's future work asks for "probabilistic" models) come nearer,
# and the neighbours of 3.7 stay ahead: {run neighbours_mean} with the same draws. Turn it round, one digit normal and nine anomalies, and the Gaussian reaches a
# mean of {run gaussian_one} (neighbours {run neighbours_one}): one heap, one Gaussian. A model is good where its
# assumption is true.

# %% [markdown]
# ## 3.9 The detector
#
# {card 3.9}
#
# Put it together: features, neighbours, and a threshold. `NeighbourDetector` is given.

# %% given="detector_class" tags=["definitions"]
class NeighbourDetector:
    """A backbone and the features of normal images, with your distance as the score."""
    def __init__(self, network, bank):
        self.network, self.bank = network, bank
        self.history, self.threshold = [], float("nan")  # nothing is trained; you set the threshold

    def anomaly_score(self, images):
        """Return one score per image: float (n,), higher = more anomalous."""
        return neighbour_distance(self.bank, features_of(self.network, images), NEIGHBOURS)

    def parameters(self):
        """Return the bank: what was taken from the training images."""
        return [self.bank]


# %% [markdown]
# Write two functions:
#
# - `threshold_at(scores_val, target_fpr)`: the number that a share `target_fpr` of the validation scores
#   lies above, as in notebooks 1 and 2 (by any definition of a quantile: one and a half scores are left free);
# - `fit_detector`: load a backbone by `load_backbone(pretrained=train, seed=seed)`, draw `BANK[budget]` of the
#   training images at random (each once; all, if there are fewer) by `np.random.default_rng(seed)`, make a
#   `NeighbourDetector` of the backbone and their features, and set its `threshold` from its scores of
#   `x_val`. With `train=False` all is the same, but the backbone has random weights.
#
# **What the grade asks.** Your function is fitted again on other images with `budget="quick"`. On held-out images
# its AUROC reaches {floor quick 9} with digit 9 left out and {floor quick 7} with digit 7, and on 9 it lies 0.2
# above that of `train=False`. After a run of the whole notebook the floor for digit 9 is {floor quick 9} in the
# profile `quick`, {floor embedded 9} in `embedded` and {floor full 9} in `full`. At a target of 5 % at most 15 %
# of unseen normal images may lie above the threshold. Another seed draws another bank and other random weights, the
# same seed gives the same detector, and an image's score is the same in any batch.
#
# **Predict.** On held-out images of digit 9 pixels reach an AUROC of {run floor_pixels}. What will the
# features reach?

# %% [markdown]
# *My guess:*

# %% answer="3.9"
def threshold_at(scores_val, target_fpr):
    """Return the number that a share target_fpr of the validation scores lies above."""
    ### BEGIN SOLUTION
    return float(np.quantile(scores_val, 1 - target_fpr, method="higher"))
    ### END SOLUTION


def fit_detector(x_train, x_val, seed, *, target_fpr=0.05, budget="embedded", train=True):
    """Return a NeighbourDetector of normal images; with train=False on random weights."""
    ### BEGIN SOLUTION
    network = load_backbone(pretrained=train, seed=seed)
    chosen = np.random.default_rng(seed).permutation(len(x_train))[: BANK[budget]]
    detector = NeighbourDetector(network, features_of(network, x_train[chosen]))
    detector.threshold = threshold_at(detector.anomaly_score(x_val), target_fpr)
    return detector
    ### END SOLUTION


# %% check="3.9"
check("3.9")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 3.9 1}</details>
# <details><summary>Hint 2</summary>{hint 3.9 2}</details>
# <details><summary>My numbers look wrong</summary>AUROC near 0.5: the backbone has random weights although
# <code>train</code> is true. A threshold that is NaN: it was never set. Half of the test images are flagged:
# the threshold came from the training images, whose nearest neighbours are themselves.</details>

# %% given="train"
detector, threshold = None, prepared_arrays("3.9 threshold")
try:
    detector = fit_detector(x_train, x_val, SEED, target_fpr=TARGET_FPR, budget=BUDGET)
    threshold = detector.threshold
except NotImplementedError:
    print("3.9: not solved yet, so the cells below go on with prepared arrays.")

# %% given="score"
def scores_of_sets():
    """Return the scores of the test images and of the anomalies."""
    if detector is None:
        raise NotImplementedError
    return detector.anomaly_score(x_test), detector.anomaly_score(x_anomaly)


scores_test, scores_anomaly = attempt("3.9 scores", scores_of_sets)

# %% given="look_at_scores"
area, share = auroc(scores_test, scores_anomaly), prevalence(scores_test, scores_anomaly)
tp, fp = np.sum(scores_anomaly > threshold), np.sum(scores_test > threshold)
right = tp + np.sum(scores_test <= threshold)
print(f"AUROC {area:.3f}; average precision {average_precision(scores_test, scores_anomaly):.3f} "
      f"at a prevalence of {share:.2f}")
print(f"at the threshold: recall {tp / len(scores_anomaly):.3f}, precision {tp / max(tp + fp, 1):.3f}, "
      f"accuracy {right / (len(scores_test) + len(scores_anomaly)):.3f}")
plot_score_histogram(scores_test, scores_anomaly, threshold)
plot_roc(scores_test, scores_anomaly, threshold)
plt.show()

# %% [markdown]
# <details><summary>What you should see</summary>
#
# ![Histogram of the scores of normal and anomalous test images over each other: the anomalies lie to the right, and about half of them are above the threshold.](figures/scores.png)
#
# ![ROC curve that rises steeply and bends below the corner, beside a curve of precision against recall that stays near 0.9 for long and falls at the end towards the prevalence.](figures/roc.png)
#
# AUROC {run auroc_9}, average precision {run ap_9} at a prevalence of {run share_9}; recall
# {run tpr_9} at a false positive rate of {run fpr_9}. On held-out images, means over ten seeds (standard
# deviation in brackets):
#
# | | AUROC, digit 9 |
# |---|---|
# | your detector | {run floor_solution} ({run floor_solution_sd}) |
# | the same network with random weights | {run floor_untrained} |
# | its last stage | {run floor_last} |
# | pixels, by the same distance | {run floor_pixels} |
# | nines in the bank | {run floor_leaked} |
#
# </details>
#
# **What it means.** Without a label, and without a step of training, photographs of dogs and cars help
# to find an odd digit. Nines in the bank ruin it: they are then their own neighbours, and the AUROC
# falls to {run floor_leaked}. Not every digit is as easy. The mean over all ten is {run mean_ten}, the
# hardest is {run hardest_digit} with {run hardest_area}. And pixels, with a mean of {run mean_ten_pixels}, are
# not beaten everywhere: they are ahead on {run pixels_lead} of the ten digits, {run pixels_lead_digits}. No
# other digit lies near these, pixel by pixel; a 1, 4, 7 or 9 lies near others, and there the features earn
# their keep. Whoever tries 9 alone, as the paper does, learns nothing of that.

# %% [markdown]
# ## 3.10 A few labels
#
# {card 3.10}
#
# Now somebody has labelled a few anomalies. The head of 3.5, which was helpless with one label, gets a
# second one. `HeadDetector` is given: it standardises features by the normal ones and scores by the logit.

# %% given="head_detector" tags=["definitions"]
class HeadDetector:
    """A backbone and a head; `normal` are the features that set the scale."""
    def __init__(self, network, normal, head):
        self.network, self.normal, self.head = network, normal, head
        self.threshold = 0.0  # a probability of one half

    def anomaly_score(self, images):
        """Return the logit of each image: float (n,), higher = more anomalous."""
        features = standardise(self.normal.copy(), features_of(self.network, images))[1]
        return logits_of(self.head, features)

    def parameters(self):
        """Return the head's weights."""
        return [weight.detach().cpu().numpy() for weight in self.head.parameters()]


# %% [markdown]
# Write `fit_few_labels(x_normal, x_anomaly, x_val, seed)`: images (uint8) in, a `HeadDetector` out.
#
# 1. load the backbone, and take the features of normal images and anomalies;
# 2. standardise both by the *normal* ones, and train the head on both, labels 0 and 1;
# 3. make a `HeadDetector` of the backbone, the normal features (as they were *before* standardising: it does
#    that itself; a copy, if your `standardise` changes its arrays) and the head;
# 4. set its `threshold` so that 5 % of `x_val` lie above it (one and a half images are left free).
#
# **What the grade asks.** With 20 labelled images the AUROC on held-out ones reaches {floor quick 9 3.10} for digit 9
# and {floor quick 7 3.10} for digit 7, and it is higher than with normal images in the place of the anomalies. The
# same seed gives the same detector, and an image's score is the same in any batch. Another head than that of 3.5 will
# do.
#
# **Predict.** How many labelled nines will it take to beat the neighbours? And what will the threshold of
# one half find?

# %% [markdown]
# *My guess:*

# %% answer="3.10"
def fit_few_labels(x_normal, x_anomaly, x_val, seed):
    """Return a HeadDetector that has learnt from normal images and a few anomalies."""
    ### BEGIN SOLUTION
    network = load_backbone()
    normal, anomaly = features_of(network, x_normal), features_of(network, x_anomaly)
    features = np.concatenate(standardise(normal, anomaly))
    labels = np.concatenate([np.zeros(len(normal)), np.ones(len(anomaly))])
    detector = HeadDetector(network, normal, train_head(features, labels, seed))
    detector.threshold = threshold_at(detector.anomaly_score(x_val), 0.05)
    return detector
    ### END SOLUTION


# %% check="3.10"
check("3.10")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 3.10 1}</details>
# <details><summary>Hint 2</summary>{hint 3.10 2}</details>
# <details><summary>My numbers look wrong</summary>The detector was handed features that were standardised already:
# then it scales no other image, and its ranking is worse than it could be. Upside down: the labels are swapped. Everything is
# passed: the threshold is still 0.</details>

# %% given="few_labels" tags=["demo"]
def row_of(count):
    """Return AUROC, and recall and false positive rate at one half and at your threshold."""
    few = fit_few_labels(x_train[: BANK["embedded"]], x_labelled[:count], x_val, SEED)
    normal, anomaly = few.anomaly_score(x_test), few.anomaly_score(x_anomaly)
    rates = [np.mean(scores > cut) for cut in (0, few.threshold) for scores in (anomaly, normal)]
    return [auroc(normal, anomaly), *map(float, rates)]


print("labelled  AUROC | p > 0.5: recall, fpr | threshold from validation: recall, fpr")
for count in (1, 5, 20, 50):
    row = attempt(f"3.10 row {count}", row_of, count)
    print("{:8d}  {:.3f} |          {:.3f}  {:.3f} |                            {:.3f}  {:.3f}".format(
        count, *row))

# %% [markdown]
# <details><summary>What you should see</summary>On held-out images, means over ten draws of the labelled
# nines (standard deviation in brackets):
#
# | labelled nines | 1 | 5 | 20 | 50 |
# |---|---|---|---|---|
# | AUROC | {run few_1} ({run few_1_sd}) | {run few_5} ({run few_5_sd}) | {run few_20} ({run few_20_sd}) | {run few_50} ({run few_50_sd}) |
# | recall at p > 0.5 | {run half_1} | {run half_5} | {run half_20} | {run half_50} |
# | recall at the threshold | {run found_1} | {run found_5} | {run found_20} | {run found_50} |
#
# </details>
#
# **What it means.** One label is a lottery ticket, five beat all that the neighbours could do, twenty are
# nearly enough. But look at p > 0.5: with twenty labels among thousands of images the head calls *nothing* an
# anomaly, although its ranking is almost perfect. Its probabilities say, rightly, that nines are rare. A
# threshold is a choice about costs; one half is no choice. Whoever reports accuracy at 0.5 would have thrown
# this detector away.
#
# These labels know nines. An anomaly of another kind would meet a detector that has never heard of it.

# %% [markdown]
# ## 3.11 What stays frozen
#
# {card 3.11}
#
# *Fine-tuning* trains the backbone too. With a few labels one freezes its early stages, so that what they
# know is not washed away. Freezing has two halves, and the second is often forgotten:
#
# - weights: `requires_grad_(False)`, so that no gradient reaches them;
# - **batch norm**: in training mode it standardises by the batch at hand *and keeps updating* its running
#   means, gradient or not. A frozen stage must be in evaluation mode (`eval()`).
#
# Write `freeze(network, frozen)`. `network.stages` is an `nn.ModuleDict`; `frozen` is a list of its keys.
# Put the whole network into training mode with all weights learning, also those that an earlier call froze. Then
# freeze the stages that were named: all of a stage goes into evaluation mode, not its batch norm alone. Return the
# list of those parameters of the network that still learn, each once.
#
# **Predict.** Only the weights are frozen, and 60 steps run on digits. Which outputs of the frozen stages
# change?

# %% [markdown]
# *My guess:*

# %% answer="3.11"
def freeze(network, frozen):
    """Freeze some stages, batch norm too; return the parameters that still learn."""
    ### BEGIN SOLUTION
    network.train().requires_grad_(True)
    for name in frozen:
        network.stages[name].eval().requires_grad_(False)
    return [weight for weight in network.parameters() if weight.requires_grad]
    ### END SOLUTION


# %% given="freeze_by_hand"
class TwoStages(nn.Module):
    """Two stages of 6 weights each: a linear layer (2) and a batch norm (2 + 2 buffers)."""
    def __init__(self):
        super().__init__()
        stage = lambda: nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
        self.stages = nn.ModuleDict({"first": stage(), "second": stage()})


try:
    tiny = TwoStages()
    learning = freeze(tiny, ["first"])
    print(len(learning), [stage.training for stage in tiny.stages.values()])
    print("by hand: 4 [False, True]")
except NotImplementedError as not_yet:
    print(not_yet)

# %% check="3.11"
check("3.11")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 3.11 1}</details>
# <details><summary>Hint 2</summary>{hint 3.11 2}</details>
# <details><summary>My numbers look wrong</summary>All stages in training mode: <code>train()</code> came
# after <code>eval()</code> and undid it. 8 learning parameters: the list holds the frozen ones too.</details>
#
# The next cell fine-tunes the backbone on 20 labelled nines, with all but its last stage frozen, and again
# with nothing frozen. About {run tune_seconds} seconds on one core.

# %% given="tuned_row" tags=["definitions"]
def tuned_row(frozen):
    """Fine-tune on 20 labelled anomalies; return AUROC and accuracy at p > 0.5."""
    network = load_backbone()
    body = nn.Sequential(network, nn.Linear(features_of(network, x_val[:1], "last").shape[1], 1))
    images = np.concatenate([x_train[:EXPLORED], x_labelled[:20]])
    x = to_backbone(images, SIZE, network.mean, network.std)
    fine_tune(body, lambda body: [*freeze(body[0], frozen), *body[1].parameters()],
              x, np.repeat([0, 1], [EXPLORED, 20]), steps=6 if BUDGET == "quick" else 60, seed=SEED)
    parts = [logits_of(body[1], features_of(network, part, "last"))
             for part in (x_test[:450], x_anomaly[:450])]
    return auroc(*parts), float(np.mean(np.concatenate([parts[0] <= 0, parts[1] > 0])))


# %% given="tuned" tags=["demo"]
for frozen in (["stem", "edges", "parts", "middle"], []):
    area, accuracy = attempt(f"3.11 tuned {len(frozen)}", tuned_row, frozen)
    print(f"{len(frozen)} stages frozen: AUROC {area:.3f}, accuracy at p > 0.5 {accuracy:.3f}")

# %% [markdown]
# <details><summary>What you should see</summary>Means over ten seeds, on held-out images: with four
# stages frozen AUROC {run tuned_4} and accuracy {run tuned_4_half} at p > 0.5 (nines and other digits count
# half each); with nothing frozen {run tuned_0} and {run tuned_0_half}.</details>
#
# **What it means.** Compare with the head alone: {run few_20}, in a fraction of the time. With 20 labels and
# a small budget training more weights does not have to be better. And the accuracy at one half has little to do
# with the ranking: a quarter of each batch showed anomalies, so this head takes them for less rare and finds
# {run tuned_4_found} of the nines at p > 0.5, where that of 3.10 found {run half_20} and ranks better. After
# fine-tuning a threshold has to be calibrated anew, on validation images.

# %% [markdown]
# ## 3.12 Where does it look?
#
# {card 3.12}
#
# "Grad-CAM confirmed" that the network looks at the right places, says the paper, without a picture. Grad-CAM
# (Selvaraju et al., 2017) takes the maps $A^c$ of a stage and the slopes of the score with respect to them. The
# weight of channel $c$ is the mean of its slopes over all positions; the map is
#
# $$\mathrm{relu}\Big(\sum_c w_c A^c\Big), \qquad w_c = \frac{1}{hw}\sum_{ij}\frac{\partial\,\mathrm{score}}{\partial A^c_{ij}}$$
#
# Write `grad_cam(maps, slopes)`: two arrays `(n, c, h, w)` in, maps `(n, h, w)` out, each divided by its own
# largest value, so that it runs from 0 to 1 (right to 0.002). A map that is 0 everywhere stays 0.
#
# **Predict.** At 32 pixels the last stage has 1 x 1 positions, the middle 2 x 2, the one for edges 8 x 8. Which
# of them can show *where* something is?

# %% [markdown]
# *My guess:*

# %% answer="3.12"
def grad_cam(maps, slopes):
    """Return one heat map per image, (n, h, w), from 0 to 1."""
    ### BEGIN SOLUTION
    weights = slopes.mean(axis=(2, 3), keepdims=True)
    heat = np.maximum((weights * maps).sum(axis=1), 0)
    return heat / np.maximum(heat.max(axis=(1, 2), keepdims=True), 1e-12)
    ### END SOLUTION


# %% given="cam_by_hand"
try:
    maps = np.array([[[[1.0, 2.0]], [[4.0, 0.0]]]])  # one image, two channels, 1 x 2 positions
    slopes = np.array([[[[1.0, 3.0]], [[-1.0, 0.0]]]])  # mean slopes 2 and -0.5
    print(grad_cam(maps, slopes))
    print("by hand: 2 * [1, 2] - 0.5 * [4, 0] = [0, 4], so [[[0, 1]]]")
except NotImplementedError as not_yet:
    print(not_yet)

# %% check="3.12"
check("3.12")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 3.12 1}</details>
# <details><summary>Hint 2</summary>{hint 3.12 2}</details>
# <details><summary>My numbers look wrong</summary>Negative values: the relu comes after the sum over
# channels. NaN: a map of zeros was divided by its largest value. All maps have one common maximum: divide
# each image's map by its own.</details>

# %% given="heat_of" tags=["definitions"]
def slopes_of(few):
    """Return the slopes of a HeadDetector's score over the features of its layer."""
    weight = few.head.weight.detach().cpu().numpy()[0]
    low, high = standardise(few.normal.copy(), np.stack([np.zeros_like(weight), np.ones_like(weight)]))[1]
    return weight * (high - low)


def heat_of(network, few, images, layer):
    """Return your Grad-CAM maps of images, with a network's maps and the detector's slopes."""
    x = to_backbone(images, SIZE, network.mean, network.std)
    return grad_cam(*maps_and_slopes(network, x, slopes_of(few), layer))


# %% given="heat_maps"
def heat_by_layer():
    """Return maps of eight anomalies: two stages, and one of a network with random weights."""
    few = fit_few_labels(x_train[:EXPLORED], x_labelled, x_val, SEED)
    random_one = load_backbone(backbone.name, pretrained=False)
    return (heat_of(few.network, few, x_anomaly[:8], "edges"),
            heat_of(few.network, few, x_anomaly[:8], "middle"),
            heat_of(random_one, few, x_anomaly[:8], "edges"))


heat = attempt("3.12 heat", heat_by_layer)
show_heat_maps(x_anomaly[:8], dict(zip(("edges", "middle", "random weights"), heat, strict=True)))
plt.show()

# %% [markdown]
# <details><summary>What you should see</summary>
#
# ![Eight nines above three rows of heat maps. At the stage for edges the brightest spots lie on and inside the loop of most nines, and in some maps the empty border glows too. At the middle stage each map has only two by two squares, the brightest at the right. With random weights most of a map is dark, and the few spots that light up lie elsewhere, many of them at the border.](figures/heat_maps.png)
#
# </details>
#
# **What it means.** The paper does not say which layer it used. At 32 pixels the usual one, the last, has
# one position and shows nothing. And does a map show what the network *knows*, or just where the ink is? Test it
# (Adebayo et al., 2018): replace the weights by random ones. If the map stays, it was about the image. Here the
# correlation between the two maps is {run cam_alike} on average, and between maps of the trained network and
# the ink {run cam_ink}. A picture that looks convincing is not yet evidence.

# %% [markdown]
# ## 3.13 Would you build it?
#
# {card 3.13}
#
# A post office wants to sort out parcels whose label shows a digit that its scanner was not trained for. A
# colleague has read the paper and wants to rebuild it: ResNet-50, one sigmoid node, trained on normal images.
# Write about ten lines: (a) What will happen, and why will one lucky run hide it? (b) What did 3.6 show about
# results like the paper's? (c) What would you build, once without and once with twenty labelled anomalies, and
# with which numbers from your own runs? (d) How would you choose the threshold, and what would you report beside
# the AUROC?
#
# What earns the points:
#
# {rubric 3.13}

# %% [markdown] question="3.13"
# ### BEGIN SOLUTION
# **A model answer.** (a) With one label the loss is least when everything is called normal. The weights stay
# where they began, so the ranking is chance: over ten seeds the AUROC ran from below 0.4 to above 0.7. Whoever
# runs it once and is lucky reports 0.7. (b) A scaler that had seen the anomalies brought the labels back: the
# same training then reached more than 0.98 with every seed. So a good number proves nothing until it is
# clear that everything was fitted on normal images alone. (c) Without labels: features of a middle stage and the
# distance to the nearest normal images, about 0.9. With twenty labels: a linear head on the same features, about
# 0.99, trained in a second. (d) From validation normals, at the share of false alarms that the post office
# can pay for; never 0.5, where the head found almost nothing. Beside the AUROC: recall and false positive rate at that
# threshold, the prevalence, the spread over seeds, pixels as a baseline, and other digits than 9.
# ### END SOLUTION

# %% [markdown]
# ## Try it by hand
#
# No points here. The next cell opens a page below it, on which your detector judges what you draw, upload or
# pick. It shows the image as the detector sees it, the score among those of validation images, and the
# verdict. Move the rate of false alarms, and watch the threshold and the four counts.
#
# Draw a few digits, and then a star or your initials. What has never been a photograph, and never a digit
# either: is it found?

# %% given="explore" tags=["demo"]
from data_utils.explorer import explore, save_detector
NORMAL = f"every digit but the {ANOMALY_DIGIT}"
try:
    page = explore(detector, x_val, x_test, split.x_anomaly, normal=NORMAL)
except Exception as reason:
    print(reason)

# %% [markdown]
# Save it, and `python -m data_utils.explorer` in this folder shows it again, beside the detectors of the
# other notebooks. The file holds numbers and a network, but none of your code.

# %% given="save_detector" tags=["demo"]
try:
    saved = save_detector(detector, 3, x_val=x_val, normal=NORMAL, x_normal=x_test, x_anomaly=split.x_anomaly)
    print(f"saved as {saved.name}")
except Exception as reason:
    print(reason)

# %% [markdown]
# ## In this notebook you have
#
# - shown with a pencil that a paper's numbers contradict each other;
# - read features from a network that never saw a digit, and found that the middle knows more than the end;
# - watched a classifier with one label learn nothing, and a scaler leak the other label;
# - built one detector without training and one from twenty labels;
# - drawn a heat map, and asked it for evidence.
#
# **Test yourself.** Why does the AUROC of 3.5 depend on the seed and that of 3.6 not? Why is the last stage
# worse than the middle one? Why must a frozen batch norm be in evaluation mode?
# <details><summary>Answers</summary>In 3.5 nothing points towards the nines, so the random start decides; in
# 3.6 the shifted mean does. The last stage was made to tell objects of photographs apart, and at 32 pixels has
# one position. In training mode it uses the batch's own mean, and changes its running means without any
# gradient.</details>

# %% given="progress"
progress()

# %% [markdown]
# **Read on.** K. He et al., "Deep Residual Learning for Image Recognition", CVPR (2016). M. Tan and Q. Le,
# "EfficientNet", ICML (2019). L. Bergman et al., "Deep Nearest Neighbor Anomaly Detection" (2020). O. Rippel et
# al., "Modeling the Distribution of Normal Data in Pre-Trained Deep Features for Anomaly Detection", ICPR (2020).
# L. Ruff et al., "Deep Semi-Supervised Anomaly Detection", ICLR (2020). R. Selvaraju et al., "Grad-CAM", ICCV
# (2017). J. Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS (2018).
