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
# # 2 A GAN as an anomaly detector
#
# You train two networks against each other until one of them draws digits, and turn the pair into a
# detector. By the end you can
#
# - write the two losses of a GAN and one step of its training, and say what its curves mean,
# - say why the discriminator's opinion is a poor anomaly score, and why a generator that is fed with
#   noise copies nothing,
# - copy an image by searching the generator's noise, or by an encoder,
# - combine two scores on different scales, and set a threshold from normal images alone,
# - take a paper's own numbers apart, and say what they prove.
#
# The system is that of *Anomaly Detection in Handwritten Digits: A GAN Based Approach* (IRJAEH
# 2025, DOI 10.47392/IRJAEH.2025.0323; we call it *the paper*). Its text does not say how its parts
# work, and its own result contradicts its abstract. You build the system so that it works, and then
# audit the paper. Ten exercises and one question, {points} points, about {minutes} minutes of your
# time. The whole notebook computes for about {run notebook_seconds} seconds on one processor core.
#
# **The idea.** A GAN (*generative adversarial network*) is a game of two. The *generator* turns
# *noise*, a row of random numbers, into an image: it draws. The *discriminator* sees real images and
# drawn ones, mixed, and says which are which. Each learns from the other's success: the discriminator
# looks for what gives a drawing away, the generator learns to avoid it. If both have seen nothing but
# fives, they know fives and nothing else; and an image that they can make nothing of is odd. How to make
# a number of that is what this notebook is about.
#
# **Words.** Here *one* digit is normal and the nine others are anomalies (*one-vs-rest*). The anomaly
# is the positive class, and a higher score always means "more anomalous". The discriminator's *features*
# are the numbers that go into its last layer. Its *logit* is the one number that comes out of it: above
# 0 it says "real", below 0 "drawn", and the sigmoid $\sigma(z) = 1/(1+e^{-z})$ makes a probability of it.

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
import functools

import matplotlib.pyplot as plt
import numpy as np
from data_utils.runtime import current_profile, describe_setup, quiet_start

with quiet_start():  # torch warns about things that do not matter here
    import torch
    from torch import nn

# %% given="setup_kit" tags=["definitions"]
from data_utils.baselines import MeanImage, NearestImage, PrincipalComponents
from data_utils.datasets import load_fashion_mnist, load_mnist
from data_utils.gan import GanCopier, GanPair, dense_networks
from data_utils.gan_training import gan_optimizers, run_encoder_training, run_gan_step
from data_utils.metrics import auroc, average_precision, prevalence
from data_utils.plots import plot_by_digit, plot_roc, plot_score_histogram, show_images
from data_utils.plots_gan import plot_gan_losses, show_samples, show_three_rows
from data_utils.prepared import prepared_arrays
from data_utils.progress import step_progress
from data_utils.runtime import torch_device
from data_utils.selfcheck import attempt, check, progress
from data_utils.splits import one_vs_rest

# %% given="constants" tags=["definitions"]
NORMAL_DIGIT = 5  # as in the paper; any other will do
SEED = 0
TARGET_FPR = 0.05  # the share of false alarms that we can live with
LATENT_SIZE = 32  # numbers of noise behind each image
BATCH = 32
GAN_STEPS = {"quick": 250, "embedded": 600, "full": 2500}  # per budget; "quick" is for checks
ENCODER_STEPS = {"quick": 100, "embedded": 200, "full": 1000}
BUDGET = current_profile()

# %% given="load_images"
print(describe_setup("torch"))
data = load_mnist()
split = one_vs_rest(data.images, data.labels, normal_digit=NORMAL_DIGIT, seed=SEED)
x_train, x_val, x_test, x_anomaly = split.x_train, split.x_val, split.x_test, split.x_anomaly
print(f"{len(x_train)} images of digit {NORMAL_DIGIT} to train on, {len(x_val)} for validation;")
print(f"to judge: {len(x_test)} normal, {len(x_anomaly)} anomalies")
show_images(np.concatenate([x_train[:10], x_anomaly[:10]]))
plt.show()

# %% [markdown]
# <details><summary>What you should see</summary>Ten images of the normal digit above ten of other
# digits, and the counts: 350, 100, 50 and 4,500 in the profiles <code>quick</code> and
# <code>embedded</code>; 4,337, 542, 542 and 4,995 in <code>full</code>, for digit 5.</details>
#
# **What it means.** The split is given this time: you wrote one in notebook 1. It keeps the same
# rules: normal images alone to learn from, no image in two sets. The anomalies are as many images of
# each other digit. The paper calls anomalies "infrequent", and in use they are. But {run prevalence} of
# the images that we judge here are anomalies. Keep that in mind for the average precision.

# %% [markdown]
# ## 2.1 Images as a generator draws them
#
# {card 2.1}
#
# The last step of a generator is a tanh, so what it draws lies between -1 and 1. Real images must
# lie there too. If they stayed between 0 and 1, the discriminator would need to look at a single pixel
# of the background (0 in real images, -1 in drawn ones) and would have won. PyTorch also wants the
# channel *before* the pixels: `(n, 1, 28, 28)`, not `(n, 28, 28, 1)` as in Keras.
#
# Write `to_tanh_range(images)`: uint8 images `(n, 28, 28)` in, float32 `(n, 1, 28, 28)` from -1
# (black) to 1 (white) out, as a NumPy array (a tensor will do too). A grey value always becomes the
# same number, whatever the other images are. Leave the input as it is.
#
# **Predict.** Which number will the grey value 127.5 become? And which one do most pixels have?

# %% [markdown]
# *My guess:*

# %% answer="2.1"
def to_tanh_range(images):
    """Return images (uint8, (n, 28, 28)) as float32 (n, 1, 28, 28) from -1 to 1."""
    ### BEGIN SOLUTION
    scaled = images.astype(np.float32) / 127.5 - 1
    return scaled[:, None]
    ### END SOLUTION


# %% given="scale_by_hand"
try:
    x_tiny = to_tanh_range(np.array([[[0, 255]], [[51, 204]]], np.uint8))
    print(x_tiny.shape, x_tiny.dtype, x_tiny.ravel())
    print("by hand: (2, 1, 1, 2) float32 [-1, 1, -0.6, 0.6]")
except NotImplementedError as not_yet:
    print(not_yet)

# %% check="2.1"
check("2.1")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 2.1 1}</details>
# <details><summary>Hint 2</summary>{hint 2.1 2}</details>
# <details><summary>My numbers look wrong</summary>Only 0 and 1: the division was done in whole
# numbers. From -128 to 127: the division is missing. Shape (n, 28, 28, 1): that is the order of
# Keras.</details>

# %% given="look_at_range"
x = np.asarray(attempt("2.1 range", to_tanh_range, x_train))
print(f"from {x.min():.0f} to {x.max():.0f}; {np.mean(x == -1):.0%} of the pixels are -1, "
      f"mean {x.mean():.2f}")

# %% [markdown]
# <details><summary>What you should see</summary>From -1 to 1; {run background} of the pixels are
# -1.</details>
#
# **What it means.** A drawing that is black everywhere is right in {run background} of its pixels
# before the generator has learnt anything. On such data a small mean error is easily had, and an error
# of 0.1 is not small. The audit in 2.10 comes back to that.
#
# **Resizing and augmentation.** The paper says that images are "resized", and that the data are
# augmented, but not how. The next cell shows what three common choices do to a 5.

# %% given="look_at_augmentation"
five = x_train[:6]
small = five.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))  # to 14 x 14, and back
resized = np.uint8(small.repeat(2, axis=1).repeat(2, axis=2))
show_images(np.concatenate([five, resized, five[:, :, ::-1], np.rot90(five, 2, (1, 2))]), columns=6)
plt.show()

# %% [markdown]
# <details><summary>What you should see</summary>
#
# ![Four rows of six pictures of the digit 5: as they are, coarse after shrinking to 14 by 14 pixels and back, mirrored so that they look like a 2, and turned by half a circle, when they look like a 5 again.](figures/augmentation.png)
#
# </details>
#
# **What it means.** Resizing to half the size and back costs detail and wins nothing: the images are
# small and centred already. A *mirrored* 5 looks like a 2. Whoever augments with mirrored images
# teaches the detector that 2s are normal, and mirrored 5s too. A turned 5 is still a 5, a turned 6 is
# a 9. An augmentation says "this difference does not matter"; on digits, most differences do.

# %% [markdown]
# ## 2.2 Two networks
#
# {card 2.2}
#
# | network | takes | gives |
# |---|---|---|
# | generator | noise `(n, latent_size)` | images `(n, 1, 28, 28)`, from -1 (black) to 1, never beyond |
# | discriminator, features | images `(n, 1, 28, 28)` | `(n, k)`, as many as you like |
# | discriminator, head | features `(n, k)` | one logit per image `(n, 1)`, **no** sigmoid |
#
# The discriminator comes in two pieces because its features will be useful on their own: "head" is the
# usual name for the last layer on top of them. Make three `nn.Module`s and return
# `GanPair(generator, features, head, latent_size)`. Three rules:
#
# - `latent_size` is an argument: the notebook uses 32, the checks other numbers too;
# - each call makes **new** networks, which share no weight with those of an earlier call;
# - in evaluation mode, what is drawn or judged does not depend on the other rows of the batch
#   (`nn.BatchNorm2d` as it is keeps to that).
#
# Which layers you take is up to you, and no point hangs on how well they learn: where 2.8 needs better
# networks than yours, the checks train the course's own. But the drawings will show what they are worth.
#
# A pattern that works is **DCGAN** (Radford et al., 2016):
#
# - The **generator** starts with a dense layer, reshapes its output to a small picture with many channels
#   (`nn.Unflatten`), and doubles the size, with batch norm and ReLU before each doubling. A picture is
#   doubled by `nn.ConvTranspose2d(..., 4, stride=2, padding=1)`, or by `nn.Upsample(scale_factor=2)` and
#   a convolution. One doubling, from 14 x 14, is enough here. `nn.Tanh()` comes last.
# - The **discriminator** halves the size by `nn.Conv2d(..., 4, stride=2, padding=1)`, with
#   `nn.LeakyReLU(0.2)` behind it, and its features end in `nn.Flatten()`. A leaky ReLU lets a fifth of
#   each negative number through, so that its gradient is 0 nowhere: the generator learns from that
#   gradient. `nn.Dropout` keeps the discriminator from learning a few hundred images by rote.
#
# **Predict.** Why may the discriminator's last layer be linear, and the generator's not?

# %% [markdown]
# *My guess:*

# %% answer="2.2"
def build_pair(latent_size):
    """Return an untrained GanPair."""
    ### BEGIN SOLUTION
    generator = nn.Sequential(
        *(nn.Linear(latent_size, 16 * 14 * 14), nn.Unflatten(1, (16, 14, 14))),
        *(nn.BatchNorm2d(16), nn.ReLU(), nn.Upsample(scale_factor=2)),
        *(nn.Conv2d(16, 1, 5, padding=2), nn.Tanh()),
    )
    features = nn.Sequential(
        *(nn.Conv2d(1, 16, 4, stride=2, padding=1), nn.LeakyReLU(0.2), nn.Dropout(0.3)),
        *(nn.Conv2d(16, 32, 4, stride=2, padding=1), nn.LeakyReLU(0.2), nn.Dropout(0.3)),
        nn.Flatten(),
    )
    return GanPair(generator, features, nn.Linear(32 * 7 * 7, 1), latent_size)
    ### END SOLUTION


# %% given="pair_on_two_images"
try:
    pair = build_pair(LATENT_SIZE)
    drawn = pair.sample(np.zeros((2, LATENT_SIZE), np.float32))
    print("two noises in, two pictures out:", drawn.shape)
    print("their features:", pair.features_of(drawn).shape, " logits:", pair.judge(drawn).shape)
    for name, network in (("generator", pair.generator), ("features", pair.features)):
        print(f"{name}: {sum(w.numel() for w in network.parameters()):,} weights")
except NotImplementedError as not_yet:
    print(not_yet)

# %% check="2.2"
check("2.2")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 2.2 1}</details>
# <details><summary>Hint 2</summary>{hint 2.2 2}</details>
# <details><summary>My numbers look wrong</summary>"mat1 and mat2 shapes cannot be multiplied": print
# the shape that leaves <code>nn.Flatten()</code> and use it in the head. "Expected more than 1 value
# per channel when training": you called the network itself with one image; the pair's methods
# switch batch norm to evaluation.</details>
#
# **What it means.** The logit may be any number: the loss turns it into a probability. An image may
# not: real ones stop at -1 and 1, and a drawing that does not is caught at once.

# %% [markdown]
# ## 2.3 Two losses
#
# {card 2.3}
#
# A discriminator is a classifier with two classes, "real" (1) and "drawn" (0), so it gets the loss of one:
# the *cross-entropy*, minus the logarithm of the probability that it gave to the right answer. That is 0
# where it was sure and right, and grows without limit where it was sure and wrong. With logits $r$ of
# real and $f$ of drawn images, the sigmoid $\sigma$, and a bar for the mean over a batch:
#
# $$L_D = -\overline{(1-s)\log\sigma(r) + s\log(1-\sigma(r))} - \overline{\log(1-\sigma(f))} \qquad L_G = -\overline{\log\sigma(f)}$$
#
# - The first mean of $L_D$ is over **real** images. Their target is not 1 but $1-s$, such as 0.9: this is
#   *one-sided label smoothing* (Salimans et al., 2016). It keeps the discriminator from being too sure
#   of itself, which would leave the generator nothing to learn from.
# - The second mean of $L_D$ is over **drawn** images. Their target stays 0 (hence *one-sided*).
# - $L_G$ is over drawn images alone, with the target 1: the generator wants them to be called real.
#
# Why does the generator not simply minimise $\overline{\log(1-\sigma(f))}$, the term that the
# discriminator makes large? Both fall as $f$ rises. But take a bad drawing, with $f=-5$. There the slope of
# $\log(1-\sigma(f))$ is $-\sigma(f) = -0.007$: almost flat. The slope of $-\log\sigma(f)$ is
# $\sigma(f)-1 = -0.993$. In the beginning all drawings are bad, so with the first loss the generator would
# hardly learn (Goodfellow et al., 2014).
#
# Write `gan_losses(real_logits, fake_logits, smoothing=0.1)`; the logits are tensors, `(n,)` and `(m,)`.
# `nn.functional.binary_cross_entropy_with_logits(logits, targets)` computes the mean of
# $-t\log\sigma(z)-(1-t)\log(1-\sigma(z))$, with a target $t$ for each logit $z$, and without ever taking
# the logarithm of 0. Return $L_D$ and $L_G$ as tensors, so that they can be differentiated.
#
# **Predict.** A discriminator that knows nothing says 1/2 to everything. What are its two losses?

# %% [markdown]
# *My guess:*

# %% answer="2.3"
def gan_losses(real_logits, fake_logits, smoothing=0.1):
    """Return the losses of the discriminator and of the generator, two tensors."""
    ### BEGIN SOLUTION
    entropy = nn.functional.binary_cross_entropy_with_logits
    for_real = entropy(real_logits, torch.full_like(real_logits, 1 - smoothing))
    for_fake = entropy(fake_logits, torch.zeros_like(fake_logits))
    return for_real + for_fake, entropy(fake_logits, torch.ones_like(fake_logits))
    ### END SOLUTION


# %% given="losses_by_hand"
try:
    nothing = torch.zeros(4)  # logit 0: probability 1/2
    print([round(float(loss), 3) for loss in gan_losses(nothing, nothing)])
    print("by hand: ln 4 = 1.386 and ln 2 = 0.693, whatever the smoothing")
except NotImplementedError as not_yet:
    print(not_yet)

# %% check="2.3"
check("2.3")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 2.3 1}</details>
# <details><summary>Hint 2</summary>{hint 2.3 2}</details>
# <details><summary>My numbers look wrong</summary>Half of ln 4: the two halves were averaged; add
# them. NaN for large logits: a sigmoid and a log instead of the function with logits. Wrong with
# smoothing only: the drawn images were smoothed too.</details>
#
# **Stop and answer.** The paper says that training ends when the discriminator says 50 % to
# everything, and that its output "is a crucial aspect" of finding anomalies. Do the two go together?
# <details><summary>Answer</summary>No. A discriminator that says 50 % to every image tells nothing
# about any of them. The better the generator, the less the discriminator knows.</details>

# %% [markdown]
# ## 2.4 One step of training
#
# {card 2.4}
#
# A step improves the discriminator once and the generator once, with the same real images and the
# same noise:
#
# 1. draw: `fake = pair.generator(noise)`;
# 2. the discriminator's loss from `pair.logits(real)` and from the logits of `fake.detach()`; empty the
#    gradients of its optimiser, `backward()`, step;
# 3. the generator's loss from the logits of `fake`, **not** detached and judged by the improved
#    discriminator; empty, `backward()`, step.
#
# `detach` cuts the drawing off from the generator: it must not learn from the discriminator's loss.
# In the third step it must *not* be cut off, or no gradient reaches the generator.
#
# Write `gan_step(pair, real, noise, losses, optimizers)`. `real` and `noise` are tensors, `losses` is a
# function like your 2.3 (use the one that you are given), and `optimizers` is the pair (of the
# discriminator, of the generator), each of which holds the weights of its own network and no others.
# Nothing but these two changes a weight. Gradients of an earlier call must not count. Return both
# losses as numbers (`.item()`), the discriminator's first.
#
# **Predict.** What happens to the drawings if the generator's loss is computed from `fake.detach()`?

# %% [markdown]
# *My guess:*

# %% answer="2.4"
def gan_step(pair, real, noise, losses, optimizers):
    """Improve the discriminator once, then the generator once; return both losses."""
    ### BEGIN SOLUTION
    for_discriminator, for_generator = optimizers
    fake = pair.generator(noise)
    discriminator_loss, _ = losses(pair.logits(real), pair.logits(fake.detach()))
    for_discriminator.zero_grad()
    discriminator_loss.backward()
    for_discriminator.step()
    _, generator_loss = losses(pair.logits(real).detach(), pair.logits(fake))
    for_generator.zero_grad()
    generator_loss.backward()
    for_generator.step()
    return discriminator_loss.item(), generator_loss.item()
    ### END SOLUTION


# %% given="step_by_hand"
try:
    pair, noise = dense_networks(LATENT_SIZE, seed=0), np.ones((2, LATENT_SIZE), np.float32)
    before = pair.sample(noise)
    real, optimizers = np.zeros((2, 1, 28, 28), np.float32), gan_optimizers(pair)
    print("losses:", run_gan_step(gan_step, pair, gan_losses, optimizers, real, noise))
    print("drawn pixels changed by up to", np.abs(pair.sample(noise) - before).max().round(3))
except NotImplementedError as not_yet:
    print(not_yet)

# %% check="2.4"
check("2.4")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 2.4 1}</details>
# <details><summary>Hint 2</summary>{hint 2.4 2}</details>
# <details><summary>My numbers look wrong</summary>"Trying to backward through the graph a second
# time": the discriminator's half was not detached. The drawings do not change: the generator's half
# was. Losses that run away: gradients are not emptied, so they add up over the steps.</details>
#
# ### The whole training
#
# The loop around your step is given. It picks a batch of real images and draws new noise for each step,
# and shows a progress bar. Ten rows of noise are kept aside: now and then the generator draws from them,
# always from the same ones, so that you can watch it learn.

# %% given="training_loop" tags=["definitions"]
def train_gan(pair, x, steps, seed, look_at=()):
    """Train a pair on images in [-1, 1]; return the losses, and drawings at some steps."""
    draw = np.random.default_rng(seed)
    shown = draw.standard_normal((10, pair.latent_size), np.float32)
    history, drawn, optimizers = {"discriminator": [], "generator": []}, {}, gan_optimizers(pair)
    with step_progress(steps, "GAN") as bar:
        for number in range(1, steps + 1):
            real = x[draw.integers(len(x), size=BATCH)]
            noise = draw.standard_normal((BATCH, pair.latent_size), np.float32)
            for name, loss in zip(history, run_gan_step(gan_step, pair, gan_losses, optimizers, real, noise)):
                history[name].append(loss)
            if number in look_at:
                drawn[number] = np.uint8(127.5 * (1 + pair.sample(shown)[:, 0]))
            bar.update()
    return history, drawn


# %% given="training_functions" tags=["definitions"]
@functools.cache
def trained_pair(kind):
    """Return the pair, its losses and its drawings: yours, or the kit's dense one."""
    torch.manual_seed(SEED)
    made = build_pair(LATENT_SIZE) if kind == "convolutional" else dense_networks(LATENT_SIZE, SEED)
    pair = made.to(torch_device())
    x, steps = to_tanh_range(x_train), GAN_STEPS[BUDGET]
    return pair, *train_gan(pair, x, steps, SEED, (1, steps // 10, steps // 3, steps))


def training_of(kind):
    """Return a training's losses, the steps that were looked at, and the drawings at each."""
    _, history, drawn = trained_pair(kind)
    return history, np.array(list(drawn)), np.array(list(drawn.values()))

# %% [markdown]
# The next cell trains the pair: about {run gan_seconds} seconds on one processor core (profile
# `embedded`).

# %% given="train_pair" tags=["demo"]
history, steps, drawn = attempt("2.4 training", training_of, "convolutional")
plot_gan_losses(history)
show_samples(dict(zip(steps, drawn)))
plt.show()

# %% [markdown]
# <details><summary>What you should see</summary>
#
# ![Two loss curves over the steps: that of the discriminator starts just above one and rises to a little under ln 4, the dotted line, while that of the generator starts near ln 4 and falls to about one.](figures/gan_losses.png)
#
# ![Four rows of ten drawings: grey noise after the first step, then loose strokes that look much the same in all columns, then strokes that begin to join, and at the end pictures most of which can be read as the digit 5, with specks around them.](figures/samples.png)
#
# </details>
#
# **What it means.** Neither curve is a measure of quality. The loss of the discriminator *rises* here,
# to {run loss_d_last}, because its opponent grows better; ln 4 = 1.386 is the loss of a discriminator
# that knows nothing. In notebook 1 a falling loss meant learning. Here you have to look at the drawings: the same
# column is always drawn from the same noise.
#
# ### The paper's score: what the discriminator says
#
# The paper calls an image an anomaly if the discriminator finds it unlikely. The next cell takes minus
# the logit as the score, before the training and after it, and for a **dense** GAN beside yours. The
# number is the AUROC (0.5 is a coin).
#
# **Predict.** Two networks, each untrained and trained: which of the four is best?

# %% [markdown]
# *My guess:*

# %% given="opinion_functions" tags=["definitions"]
def opinions_of(kind):
    """Return the AUROC of minus the logit, untrained and trained."""
    torch.manual_seed(SEED)
    untrained = build_pair(LATENT_SIZE) if kind == "convolutional" else dense_networks(LATENT_SIZE, SEED)
    reached = []
    for pair in (untrained.to(torch_device()), trained_pair(kind)[0]):
        reached.append(auroc(*(-pair.judge(to_tanh_range(part)) for part in (x_test, x_anomaly[:1000]))))
    return reached


# %% given="opinions" tags=["demo"]
for kind in ("convolutional", "dense"):
    before, after = attempt(f"2.4 opinions {kind}", opinions_of, kind)
    print(f"{kind:13s} discriminator alone: AUROC {before:.3f} untrained, {after:.3f} trained")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# ![Ten trainings as dots in four rows. The untrained discriminator alone scatters around chance, and so does the trained dense one; the trained convolutional one lies between 0.7 and 0.9; the errors of the copies, from the next sections, lie in a narrow band above 0.9, to the right of all.](figures/opinions.png)
#
# Over ten trainings the discriminator alone reaches {run opinion_mean} on average, from
# {run opinion_min} to {run opinion_max}; untrained, {run opinion_untrained_mean}. The dense one,
# trained, reaches {run opinion_dense_mean}, from {run opinion_dense_min} to {run opinion_dense_max}.
# With other digits as the normal one (a training each, on held-out images) the convolutional one goes
# from {run opinion_low} on digit {run opinion_low_digit} to {run opinion_high} on digit
# {run opinion_high_digit}.
#
# </details>
#
# **What it means.** The discriminator has learnt to tell fives from *its opponent's drawings*. Nobody
# showed it a 3. What it says of a 3 hangs on what its opponent happens to draw, on its layers, and on
# the digit: now well above chance, now a coin. In the paper's setting nobody could tell beforehand
# which. So no honest floor can be set on it, and this notebook asks for none.

# %% [markdown]
# ## Why a generator fed with noise copies nothing
#
# The paper's second score is a "reconstruction error": the image against what the generator makes of
# it. But a generator does not take an image. It takes noise, and draws *some* five; the error then says
# how far the image is from a five drawn at random, and says something else at every call. There are two
# remedies. Both look for the noise whose drawing is *this* image:
#
# - **search** (AnoGAN, Schlegl et al., 2017; ADGAN, Deecke et al., 2018): start anywhere, and follow the
#   gradient of the error with respect to the noise. No training, but many steps for every image;
# - an **encoder** (f-AnoGAN, Schlegl et al., 2019): a third network that is trained to name the noise.
#   One pass for an image.

# %% [markdown]
# ## 2.5 Remedy one: search
#
# {card 2.5}
#
# Write `search_noise(pair, x, seed, steps=100, rate=0.1)`. `x` is a tensor `(n, 1, 28, 28)`. Start from
# noise `(n, pair.latent_size)`, take `steps` steps of `torch.optim.Adam([noise], lr=rate)` on the squared
# error between `pair.generator(noise)` and `x`, and return the noise. Three traps:
#
# - **the same call gives the same noise**, another seed another one: draw the start with a generator of
#   its own, `torch.Generator().manual_seed(seed)`. (`torch.manual_seed` would set the random numbers of
#   the whole program anew, and a training that goes on after it would draw the same noise again);
# - **evaluation mode**: in training mode batch norm uses the batch's own mean, so that what is drawn
#   for an image depends on the others. Call `pair.eval()` first (or `pair.generator.eval()`);
# - **each image for itself**: a *sum* over the images gives each noise its own gradient (a mean divides
#   it by n; Adam hardly minds). The networks stay as they are: only the noise is in the optimiser.
#
# The checks search for images that a small pair has drawn itself, so that the error can become 0: after
# the usual 100 steps it must be below 5 % of the error between two drawings, also for an image alone.
#
# **Predict.** Will an anomaly be copied badly, if the search may try any noise at all?

# %% [markdown]
# *My guess:*

# %% answer="2.5"
def search_noise(pair, x, seed, steps=100, rate=0.1):
    """Return the noise (n, latent_size) whose drawings are nearest to the images x."""
    ### BEGIN SOLUTION
    start = torch.randn(len(x), pair.latent_size, generator=torch.Generator().manual_seed(seed))
    noise = start.to(x.device).requires_grad_()
    pair.generator.eval()
    optimizer = torch.optim.Adam([noise], lr=rate)
    for _ in range(steps):
        error = ((pair.generator(noise) - x) ** 2).mean(dim=(1, 2, 3)).sum()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    return noise.detach()
    ### END SOLUTION


# %% given="search_by_hand"
try:
    pair = dense_networks(LATENT_SIZE, seed=0)
    target = torch.tensor(pair.sample(np.ones((1, LATENT_SIZE), np.float32)))
    for steps in (1, 100):
        found = search_noise(pair, target, SEED, steps=steps)
        wrong = np.mean((pair.sample(found) - target.numpy()) ** 2)
        print(f"{steps:3d} steps: squared error {wrong:.6f}; by hand: it can become 0")
except NotImplementedError as not_yet:
    print(not_yet)

# %% check="2.5"
check("2.5")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 2.5 1}</details>
# <details><summary>Hint 2</summary>{hint 2.5 2}</details>
# <details><summary>My numbers look wrong</summary>"can't optimize a non-leaf Tensor": move the noise
# to its device first, then call <code>requires_grad_()</code>. The error stays: the noise is not in the
# optimiser, or was detached inside the loop.</details>

# %% given="search_functions" tags=["definitions"]
def search_and_look(pictures):
    """Return the copies of some images by search (uint8), and their errors."""
    pair, x = trained_pair("convolutional")[0], torch.tensor(to_tanh_range(pictures))
    noise = search_noise(pair, x.to(torch_device()), SEED)
    copies = pair.sample(noise)
    wrong = np.mean((copies - x.numpy()) ** 2, axis=(1, 2, 3))
    return np.uint8(127.5 * (1 + copies[:, 0])), wrong


# %% given="look_at_search" tags=["demo"]
some = np.concatenate([x_test[:40], x_anomaly[:160]])
copies, wrong = attempt("2.5 search", search_and_look, some)
print(f"error of the search: normal {wrong[:40].mean():.3f}, anomalies {wrong[40:].mean():.3f}, "
      f"AUROC {auroc(wrong[:40], wrong[40:]):.3f}")
shown = np.r_[0:5, 40:45]
show_three_rows(some[shown], copies[shown], wrong[shown])
plt.show()

# %% [markdown]
# <details><summary>What you should see</summary>
#
# ![Ten images, their copies by search and the differences: five fives that come back as similar fives, and five other digits that come back changed or in pieces: an 8 can still be read, a 2 keeps only part of its strokes, a 3 has become a five, and the right side of a 0 is missing.](figures/search.png)
#
# In the solution's run: mean error {run search_normal} on normal images, {run search_anomaly} on
# anomalies, AUROC {run search_auroc}.
#
# </details>
#
# **What it means.** The search costs {run search_ms} milliseconds of processor time for each image. And
# nothing holds it back: noise far outside of what the generator was trained on is allowed too, and some
# of it draws things that are no fives. So an anomaly may be copied better than it should.

# %% [markdown]
# ## 2.6 Remedy two: an encoder
#
# {card 2.6}
#
# The search starts anew for every image. An encoder learns once, from the training images, which noise
# belongs to which image. It is the autoencoder of notebook 1 with a decoder that is finished already: the
# generator.
#
# The encoder itself is given below, two dense layers from the pixels to `LATENT_SIZE` numbers. Its loss is
# yours: `encoder_loss(pair, encoder, x)`, with `x` a tensor `(n, 1, 28, 28)`.
#
# 1. The copies are $\hat{x}$ = `pair.generator(encoder(x))`.
# 2. How far are they from the images, in *pixels*? The mean of $(x - \hat{x})^2$ over all pixels of all
#    images.
# 3. How far are they in *features*? The mean of $(\phi(x) - \phi(\hat{x}))^2$ over all features of all
#    images, where $\phi$ is `pair.features`, the discriminator without its head.
#
# $$L = \overline{(x - \hat{x})^2} + \overline{(\phi(x) - \phi(\hat{x}))^2}$$
#
# Why both? If a stroke lies one pixel beside its place, the pixel error is nearly as large as if it
# were missing and another one stood there, so on its own it rewards a blur. The features say whether there is
# a stroke, with less regard to its place. (f-AnoGAN calls this loss *izi_f*: from **i**mage to noise
# **z** to **i**mage, and **f** for the features.)
#
# By hand: copies that are off by 0.1 in every pixel, and by 0.2 in every feature, cost 0.01 + 0.04 = 0.05,
# whatever the number of images.
#
# Return the loss as a tensor, so that its gradient can flow through the generator and the features back
# to the encoder. The loop puts the pair into evaluation mode and gives the optimiser the encoder's weights
# alone: you need to switch nothing. (Among the checks is a training of 25 steps on one batch, in which
# the error in pixels or that in features must fall to less than half.)
#
# **Predict.** The encoder learns from normal images only. What will it do with a 3?

# %% [markdown]
# *My guess:*

# %% answer="2.6"
def encoder_loss(pair, encoder, x):
    """Return the encoder's loss on a batch of images (n, 1, 28, 28), a tensor."""
    ### BEGIN SOLUTION
    x_hat = pair.generator(encoder(x))
    pixels = torch.mean((x - x_hat) ** 2)
    return pixels + torch.mean((pair.features(x) - pair.features(x_hat)) ** 2)
    ### END SOLUTION


# %% given="encoder_functions" tags=["definitions"]
def build_encoder(latent_size):
    """Return an untrained network from images (n, 1, 28, 28) to noise (n, latent_size)."""
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(784, 256), nn.BatchNorm1d(256), nn.LeakyReLU(0.2)),
        nn.Linear(256, latent_size),
    )


def train_encoder(pair, encoder, x, steps, seed):
    """Train the encoder alone, with your loss; return the loss of each step."""
    draw = np.random.default_rng(seed)
    with step_progress(steps, "encoder") as bar:
        batches = (x[draw.integers(len(x), size=BATCH)] for _ in range(steps) if bar.update() or True)
        return run_encoder_training(encoder_loss, pair, encoder, batches)


# %% check="2.6"
check("2.6")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 2.6 1}</details>
# <details><summary>Hint 2</summary>{hint 2.6 2}</details>
# <details><summary>My numbers look wrong</summary>"does not require grad": something was detached, or
# the pair's own methods (<code>sample</code>, <code>features_of</code>) were used, which return NumPy
# arrays. Far too large: a sum instead of a mean. Too small: one of the two means is missing, or the
# two were averaged.</details>
#
# **Stop and answer.** Why is the encoder not trained on drawn images, whose noise is known exactly?
# <details><summary>Answer</summary>It can be (then the loss is an error of the noise, not of the
# image), and a design in this course does so. But it then learns on drawings, and is asked about real
# images; it has never been told that its copy should look like the image.</details>

# %% [markdown]
# ## 2.7 One score from two
#
# {card 2.7}
#
# A copy can go wrong in two ways: in its pixels, and in its features. So each image $i$ has two errors,
# $p_i$ and $q_i$: the two halves of the loss in 2.6, taken for this image alone. They are on different
# scales, so they cannot be added as they are. What is "large"? Ask the *validation* normals: take off
# their mean, divide by their standard deviation, and add:
#
# $$s_i = \frac{p_i - \overline{p}_{val}}{\mathrm{sd}(p_{val})} + \frac{q_i - \overline{q}_{val}}{\mathrm{sd}(q_{val})}$$
#
# Write `combined_score(pixel, feature, pixel_val, feature_val)`: the errors of the images to judge, two
# arrays `(n,)`, and those of the validation normals, two arrays `(m,)`. It returns `(n,)` scores. A
# standard deviation of 0 must not divide by zero: the scores are finite then too. (Divided by n or by
# n - 1, both will do.) An image that is copied better than usual gets a negative score; leave it so.
#
# **Predict.** What is the mean score of the validation images themselves?

# %% [markdown]
# *My guess:*

# %% answer="2.7"
def combined_score(pixel, feature, pixel_val, feature_val):
    """Return the sum of the two errors, each in standard deviations of the validation normals."""
    ### BEGIN SOLUTION
    score = np.zeros(len(pixel))
    for values, usual in ((pixel, pixel_val), (feature, feature_val)):
        score += (values - np.mean(usual)) / max(float(np.std(usual)), 1e-12)
    return score
    ### END SOLUTION


# %% given="combined_by_hand"
try:
    usual = np.array([1.0, 3.0])  # mean 2, standard deviation 1
    print(combined_score(np.array([2.0, 4.0]), np.array([20.0, 20.0]), usual, 10 * usual))
    print("by hand: 0 and 2")
except NotImplementedError as not_yet:
    print(not_yet)

# %% check="2.7"
check("2.7")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 2.7 1}</details>
# <details><summary>Hint 2</summary>{hint 2.7 2}</details>
# <details><summary>My numbers look wrong</summary>The mean of the scores you return is 0 whatever the
# images: mean and standard deviation came from the images that are judged, not from the validation
# set.</details>
#
# > **Pitfall.** Standardising by the images that are judged makes an image's score depend on its
# > company: among a hundred anomalies an anomaly is nothing special.

# %% [markdown]
# ## 2.8 The detector
#
# {card 2.8}
#
# Put it together. `GanDetector` is given. It is a `GanCopier`, a class of the kit that copies images by
# way of encoder and generator and measures both errors (`error_parts`); your `combined_score` and
# `threshold_at` make a score and a threshold of them.

# %% given="detector_class" tags=["definitions"]
class GanDetector(GanCopier):
    """Your pair and encoder with your score and threshold; a GanCopier makes the copies."""
    def __init__(self, pair, encoder, history, x_val, target_fpr):
        super().__init__(pair, encoder, history)
        self.x_val, self.target_fpr = x_val, target_fpr
        self.parts_val = self.error_parts(x_val)

    def anomaly_score(self, images):
        """Return one score per image: float (n,), higher = more anomalous."""
        return combined_score(*self.error_parts(images), *self.parts_val)

    @functools.cached_property
    def threshold(self):
        """The score above which an image is called an anomaly; from validation images only."""
        return threshold_at(self.anomaly_score(self.x_val), self.target_fpr)


# %% [markdown]
# Write two functions:
#
# - `threshold_at(scores_val, target_fpr)`: the number that a share `target_fpr` of the validation scores
#   lies above, as in notebook 1;
# - `fit_detector`: seed torch, build pair and encoder, bring both to `torch_device()`, and, if `train` is
#   true, train them on `to_tanh_range(x_train)` with `train_gan` (for `GAN_STEPS[budget]` steps) and then
#   `train_encoder` (for `ENCODER_STEPS[budget]` steps). Return
#   `GanDetector(pair, encoder, history, x_val, target_fpr)`, where the history is the list of the
#   encoder's losses; with `train=False` it is empty and the networks are as they were built.
#
# How your points come about. The checks call `fit_detector` in the budget `quick` with digits 6 and 7 as
# the normal ones, 350 images each, and score unseen images with the two errors of your detector:
#
# - all three networks must learn, the encoder's loss must fall, and copies of validation images may have
#   at most 1.1 times the squared error of the mean image;
# - an AUROC of {floor quick 6} on digit 6, at least 0.15 above the untrained networks, and of
#   {floor quick 7} on digit 7; and {floor embedded 5} after the whole notebook was run (digit 5, budget
#   `embedded`; {floor quick 5} in `quick`). Networks of dense layers alone stay below that, so where
#   your pair of 2.2 is too weak, the checks train the course's own pair with your `fit_detector`;
# - `target_fpr`, `budget` and `seed` must be heeded: the threshold leaves that share of `x_val` above it
#   (one and a half images more or less), the steps are those of the budget, the same seed gives the same
#   scores (to 5 % of their standard deviation) and another seed others;
# - an image has the same score in any batch and in any order, to 1 % of the scores' standard deviation.
#
# **Predict.** On the test images PCA reaches an AUROC of {run pca_5} with digit 5 normal. Will your
# detector beat it?

# %% [markdown]
# *My guess:*

# %% answer="2.8"
def threshold_at(scores_val, target_fpr):
    """Return the number that a share target_fpr of the validation scores lies above."""
    ### BEGIN SOLUTION
    return float(np.quantile(scores_val, 1 - target_fpr, method="higher"))
    ### END SOLUTION


def fit_detector(x_train, x_val, seed, *, target_fpr=0.05, budget="embedded", train=True):
    """Return a GanDetector fitted to normal images; with train=False an untrained one."""
    ### BEGIN SOLUTION
    torch.manual_seed(seed)
    pair = build_pair(LATENT_SIZE).to(torch_device())
    encoder = build_encoder(LATENT_SIZE).to(torch_device())
    history = []
    if train:
        x = to_tanh_range(x_train)
        train_gan(pair, x, GAN_STEPS[budget], seed)
        history = train_encoder(pair, encoder, x, ENCODER_STEPS[budget], seed)
    return GanDetector(pair, encoder, history, x_val, target_fpr)
    ### END SOLUTION


# %% [markdown]
# The check trains your networks for the `quick` budget and builds them once more: about
# {run check_seconds} seconds.

# %% check="2.8"
check("2.8")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 2.8 1}</details>
# <details><summary>Hint 2</summary>{hint 2.8 2}</details>
# <details><summary>My numbers look wrong</summary>Other scores for the same seed: networks are built
# before torch is seeded. AUROC near 0.5: <code>x_train</code> went into the training without
# <code>to_tanh_range</code>. Upside down: anomalies were among the training images. All copies are one
# picture: an encoder of your own ran away in its first steps; batch norm, as in
# <code>build_encoder</code>, prevents that.</details>
#
# The next cell trains for the full budget: about {run fit_seconds} seconds on one processor core
# (profile `embedded`; `full` takes about {run fit_seconds_full}).

# %% given="train"
detector = None
try:
    detector = fit_detector(x_train, x_val, SEED, target_fpr=TARGET_FPR, budget=BUDGET)
except NotImplementedError as not_yet:
    print(f"{not_yet} The cells below go on with prepared arrays.")


# %% given="result_functions" tags=["definitions"]
def ready(detector):
    """Return the detector, if there is one."""
    if detector is None:
        raise NotImplementedError("Exercise 2.8 is still to be done.")
    return detector


def score_sets(detector, *sets):
    """Return the scores of each set of images."""
    return [ready(detector).anomaly_score(images) for images in sets]


def copies_of(detector, images):
    """Return copies (uint8), pixel errors and feature errors."""
    return ready(detector).reconstruct(images), *detector.error_parts(images)


# %% given="score"
scores_test, scores_anomaly, anomaly_digits = attempt(
    "2.8 scores", lambda: (*score_sets(detector, x_test, x_anomaly), split.anomaly_labels)
)
threshold = attempt("2.8 threshold", lambda: ready(detector).threshold)
plot_score_histogram(scores_test, scores_anomaly, threshold)
plot_roc(scores_test, scores_anomaly, threshold)
print(f"AUROC {auroc(scores_test, scores_anomaly):.3f}; found {np.mean(scores_anomaly > threshold):.1%} "
      f"at {np.mean(scores_test > threshold):.1%} false alarms")
print(f"average precision {average_precision(scores_test, scores_anomaly):.3f} at a prevalence of "
      f"{prevalence(scores_test, scores_anomaly):.3f}")
plt.show()

# %% given="copies"
some = np.concatenate([x_test[:5], x_anomaly[:5]])
copies, pixel, feature = attempt("2.8 copies", copies_of, detector, some)
show_three_rows(some, copies, pixel)
plt.show()

# %% [markdown]
# <details><summary>What you should see</summary>
#
# ![Histogram of the scores of normal images and of anomalies: the normal ones in a hill around -1 with a tail to the right, the anomalies in a wide low hill that the threshold cuts near its top, with a long tail to the right.](figures/histogram.png)
#
# ![Two charts, each with a dot at the threshold. Left, the ROC curve, far above the diagonal. Right, precision against recall: a line close to 1 at every recall, hardly above the dotted line of chance.](figures/roc.png)
#
# ![Ten images, their copies and the differences: fives come back as fives, a little blurred; the other digits come back as smears or bent towards a five, and the difference shows which strokes are missing and which were added.](figures/three_rows.png)
#
# In the solution's run: AUROC {run auroc_5}, true positive rate {run tpr} at a false positive rate of
# {run fpr}; average precision {run ap_5} at a prevalence of {run prevalence}.
#
# </details>
#
# **What it means.** The pair knows the strokes of fives and no others. A five is built of them; another
# digit comes back blurred, or bent towards a five. That is the whole trick. The difference shows
# *where* an image is odd.
#
# > **Pitfall.** An average precision of {run ap_5} looks like success. But chance level is the
# > prevalence, {run prevalence}: a detector that tosses a coin has that. If one image in a hundred were
# > an anomaly, the same ranking would give {run ap_1}. Never print the one without the other.
#
# ### Is the network worth it?
#
# **Predict.** Which of the baselines of notebook 1 will beat it on digit 5?

# %% [markdown]
# *My guess:*

# %% given="baselines"
for make in (MeanImage, PrincipalComponents, NearestImage):
    baseline = make(x_train)
    errors = [np.mean((part / 255 - baseline.reconstruct(part) / 255) ** 2, axis=(1, 2))
              for part in (x_test, x_anomaly[:1000])]
    print(f"{baseline.name:21s} AUROC {auroc(*errors):.3f}")
print(f"your detector         AUROC {auroc(scores_test, scores_anomaly):.3f}")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# ![Grouped bars for each normal digit 0 to 9: AUROC of the GAN detector, of principal components and of the nearest image. All three are close to each other: near 1 on digits 0 and 1, about 0.9 on digits 2 and 8. Principal components lead by a little on most digits, the GAN detector on a few.](figures/by_digit.png)
#
# One training for each digit, judged on held-out images. On the same images, means over ten seeds with
# digit 5 normal (standard deviation in brackets):
#
# | | AUROC |
# |---|---|
# | your detector, both errors | {run floor_solution} ({run floor_solution_sd}) |
# | its pixel error alone | {run floor_pixel} |
# | its feature error alone | {run floor_feature} |
# | the discriminator alone | {run floor_discriminator} ({run floor_discriminator_sd}) |
# | untrained | {run floor_untrained} |
# | principal components | {run floor_pca} |
# | nearest image | {run floor_nearest} |
#
# </details>
#
# **What it means.** PCA, a method of 1901 that fits in three lines, reaches {run floor_pca} in no time.
# Two networks and an encoder reach {run floor_solution}. With all fives of MNIST and four times the
# steps they reach {run full_solution} (PCA {run full_pca}); the discriminator alone falls to
# {run full_discriminator}, below a coin. The longer the two train, the less it knows of anything but its
# opponent. In the chart PCA leads on {run pca_leads} of ten digits; on digit {run close_digit} the
# network comes off best, {run close_gan} against {run close_pca}.
#
# Why does PCA do so well? Fives alone are a simple set: a mean shape, a slant, a width, a few more.
# These *are* nearly linear, and PCA cannot draw what lies outside of them. It also finds the one optimum
# that there is, while a GAN's training ends wherever it happens to be. A GAN pays off where normal
# images are too varied for a linear model and where there are many of them. The images of one digit are
# neither.

# %% given="by_class" tags=["demo"]
found = np.zeros(10)  # the normal digit has no bar
for digit in np.unique(anomaly_digits):
    found[digit] = np.mean(scores_anomaly[anomaly_digits == digit] > threshold)
plot_by_digit({"found": found}, "true positive rate")
plt.show()

# %% [markdown]
# **What it means.** The threshold is the same for all digits, but they are not equally odd. In the
# solution's run the 0 and the 2 are found most often: a five has no closed ring, and no base line. The 3
# and the 6 are found least often: the lower half of either is much like that of a 5, so its copy is good
# and its error small. One rate for "the anomalies" hides this.

# %% [markdown]
# ## 2.9 What happened to each image
#
# {card 2.9}
#
# The paper's Table 1 gives the GAN two "class ids", 0 normal and 1 anomalous. The network has none: it
# never sees a label. The ids belong to *our* reading of the result. Its Table 2 lists images with true
# class, verdict and score; it calls 7, 9 and 8 normal and 3 and 1 anomalous, while its confusion matrix
# takes 5 as normal.
#
# Write `verdicts(scores, digits, normal_digit, threshold)`. `digits` holds the digit on each image.
# Return a dict:
#
# - `"truth"`: the true class id of each image, 0 if it shows the normal digit, else 1;
# - `"verdict"`: the class id that the threshold gives it (strictly above it: 1);
# - `"matrix"`: the four counts as `[[tn, fp], [fn, tp]]`, an array `(2, 2)` of whole numbers: rows are the
#   truth, columns the verdict. It has four numbers also where a class does not occur at all;
# - `"accuracy"`: the share of right verdicts.
#
# **Predict.** Which accuracy has "always anomaly", if the other digits are {run prevalence} of the images?

# %% [markdown]
# *My guess:*

# %% answer="2.9"
def verdicts(scores, digits, normal_digit, threshold):
    """Return truth and verdict of each image, the matrix [[tn, fp], [fn, tp]], and the accuracy."""
    ### BEGIN SOLUTION
    truth = (np.asarray(digits) != normal_digit).astype(int)
    verdict = (np.asarray(scores) > threshold).astype(int)
    matrix = np.zeros((2, 2), int)
    np.add.at(matrix, (truth, verdict), 1)
    accuracy = float(np.mean(truth == verdict))
    return {"truth": truth, "verdict": verdict, "matrix": matrix, "accuracy": accuracy}
    ### END SOLUTION


# %% given="verdicts_by_hand"
try:
    print(verdicts(np.array([0.1, 0.5, 0.9, 0.7]), np.array([5, 3, 5, 1]), 5, threshold=0.5))
    print("by hand: truth 0 1 0 1, verdict 0 0 1 1, matrix [[1, 1], [1, 1]], accuracy 0.5")
except NotImplementedError as not_yet:
    print(not_yet)

# %% check="2.9"
check("2.9")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 2.9 1}</details>
# <details><summary>Hint 2</summary>{hint 2.9 2}</details>
# <details><summary>My numbers look wrong</summary>The matrix is turned about its diagonal: rows are the
# truth. Truth upside down: 0 is normal. One image differs: the threshold itself is not above it.</details>

# %% given="table_of_images"
scores = np.concatenate([scores_test, scores_anomaly])
digits = np.concatenate([np.full(len(scores_test), NORMAL_DIGIT), anomaly_digits])
report = attempt("2.9 report", verdicts, scores, digits, NORMAL_DIGIT, threshold)
print("image  digit  true class  verdict  score")
for place in np.r_[:4, len(scores_test) : len(scores_test) + 6]:
    print(f"{place:5d}  {digits[place]:5d}  {int(report['truth'][place]):10d}  "
          f"{int(report['verdict'][place]):7d}  {scores[place]:6.2f}")
print("matrix, rows truth, columns verdict:", np.array(report["matrix"]).tolist())
print(f"accuracy {report['accuracy']:.3f}; 'always anomaly' {np.mean(report['truth']):.3f}")

# %% [markdown]
# **What it means.** In the solution's run the accuracy is {run accuracy}, and "always anomaly" has
# {run prevalence} without looking at a single image. With so many anomalies accuracy rewards a detector
# that cries wolf; with few of them, one that sleeps. Either way it says little.

# %% [markdown]
# ## 2.10 The audit
#
# {card 2.10}
#
# Now the paper's own numbers. Its confusion matrix, with 5 as the normal digit: of 50 normal images 50
# passed, of 54 anomalies 0 were found. Its Figure 2 shows a "normal" image with an error of 0.121 that is
# said to "closely resemble" its copy, and an anomaly with 0.349. Figure 2 sets the threshold at 0.20,
# Figure 4 "around 0.08". Its conclusion speaks of "robust anomaly detection performance".
#
# Write `audit(tp, fn, fp, tn, errors, thresholds, images)` so that it works for any such paper, also for
# one that flags nothing, as this one (there are always anomalies: tp + fn is never 0):
#
# - `"tpr"`: the true positive rate;
# - `"tpr_upper"`: the upper end of its 95 % interval of Clopper and Pearson when nothing was found,
#   `1 - 0.025 ** (1 / (tp + fn))`. (If something was found it takes a beta distribution; return
#   `float("nan")` then, or the right bound if you know it);
# - `"accuracy"`, and `"always_anomaly"`: the accuracy of calling everything an anomaly;
# - `"flagged"`: for each of the thresholds, how many of the errors lie strictly above it, a list;
# - `"black_error"`: the mean squared error of an all-black copy of `images` (uint8), with grey values
#   scaled to [0, 1].
#
# **Predict.** Nothing was found among 54 anomalies. What is the largest true rate that you would still
# believe?

# %% [markdown]
# *My guess:*

# %% answer="2.10"
def audit(tp, fn, fp, tn, errors, thresholds, images):
    """Return a dict of what a paper's own numbers say."""
    ### BEGIN SOLUTION
    everything = tp + fn + fp + tn
    return {
        "tpr": tp / (tp + fn),
        "tpr_upper": 1 - 0.025 ** (1 / (tp + fn)) if tp == 0 else float("nan"),
        "accuracy": (tp + tn) / everything,
        "always_anomaly": (tp + fn) / everything,
        "flagged": [sum(error > threshold for error in errors) for threshold in thresholds],
        "black_error": float(np.mean((images / 255) ** 2)),
    }
    ### END SOLUTION


# %% given="audit_by_hand"
try:
    white = np.full((1, 28, 28), 255, np.uint8)
    print(audit(0, 1, 0, 1, errors=[0.3], thresholds=[0.2, 0.4], images=white))
    print("by hand: tpr 0, tpr_upper 0.975, accuracy 0.5 twice, flagged [1, 0], black_error 1")
except NotImplementedError as not_yet:
    print(not_yet)

# %% check="2.10"
check("2.10")

# %% [markdown]
# <details><summary>Hint 1</summary>{hint 2.10 1}</details>
# <details><summary>Hint 2</summary>{hint 2.10 2}</details>
# <details><summary>My numbers look wrong</summary>An upper end of 0.054: that is one-sided, at 95 %;
# the two-sided interval leaves 2.5 % on each side. A black error in the thousands: grey values from 0 to
# 255.</details>

# %% given="audit_of_the_paper"
fives = data.images[data.labels == 5]
found = attempt("2.10 audit", audit, 0, 54, 0, 50, [0.121, 0.349], [0.20, 0.08], fives)
for name, value in found.items():
    print(f"{name:15s} {value if isinstance(value, list) else round(value, 3)}")

# %% [markdown]
# <details><summary>What you should see</summary>
#
# | | |
# |---|---|
# | true positive rate | 0, and at most {run tpr_upper} with 95 % confidence |
# | accuracy | {run paper_accuracy}; "always anomaly" has {run paper_always} |
# | flagged at 0.20, at 0.08 | one of the two images, both of them |
# | error of an all-black copy of a 5 | {run black_error} |
#
# </details>
#
# **What it means.** *Robust performance*: the detector found nothing, and did worse than a constant.
# *The thresholds*: at 0.08 both images of Figure 2 would be anomalies, the normal one too. At 0.20 the
# anomaly of Figure 2 is found; but the matrix says that none was. *Closely resembles*: if the errors are
# on the scale [0, 1], an error of 0.121 is worse than handing in a black picture. *A rate of false alarms
# of 0 %* is what a detector that always says "normal" has. And 104 images of 10,000: even if all 54
# had been found, the lower end of the interval would be {run tpr_lower_all}. To say "at least 99 %"
# takes {run needed_99} anomalies, all of them found.

# %% [markdown]
# ## Another data set
#
# Nothing above knows that the images are digits. If Fashion-MNIST is on your machine, the next cell
# trains the same detector on one kind of clothing. It takes about as long as the training above.

# %% given="demo_fashion" tags=["demo"]
try:
    clothes = load_fashion_mnist()
    worn = one_vs_rest(clothes.images, clothes.labels, normal_digit=7, seed=SEED)  # sneakers
    other = fit_detector(worn.x_train[:350], worn.x_val[:100], SEED, budget=BUDGET)
    sets = score_sets(other, worn.x_test, worn.x_anomaly[:1000])
    print(f"{clothes.source}\nsneakers against the rest: AUROC {auroc(*sets):.3f}")
    print(f"found {np.mean(sets[1] > other.threshold):.1%} at {np.mean(sets[0] > other.threshold):.1%}")
except Exception as reason:
    print(f"Not here: {reason}")

# %% [markdown]
# ## 2.11 Would you accept it?
#
# {card 2.11}
#
# You are asked to review the paper for a journal. Its system is the one that you have built, its result
# the one that you have audited. Write about ten lines: (a) Which two claims does its own confusion
# matrix refute, and with which numbers? (b) Name two things that the text leaves open and without which
# nobody can repeat the result. (c) Which baselines and how many repetitions would you ask for, and why,
# given what your own runs showed? (d) Accept, revise or reject? Give the reason that weighs most.
#
# What earns the points:
#
# {rubric 2.11}

# %% [markdown] question="2.11"
# ### BEGIN SOLUTION
# **A model answer.** (a) "Effectively spots outlier digits" and "robust performance": of 54 anomalies
# none was found, so the true positive rate is 0, at most 6.6 %; the accuracy is 48.1 %, below the 51.9 %
# of a constant "anomaly". (b) How an image is reconstructed (a generator fed with noise has no input, and
# no encoder or search is described), and which digit is normal (the matrix, Table 2 and the discussion
# each say another); architecture, steps, seed and the scale of the error are missing too. (c) Principal
# components, because they beat the GAN on most digits in a second, and the nearest image; at least ten
# seeds with mean and standard deviation, because the AUROC of a discriminator alone spreads over tenths
# from one training to the next, so one run proves nothing. (d) Reject: the only result shows that the method does
# not work, and the text says the opposite.
# ### END SOLUTION

# %% [markdown]
# ## Try it by hand
#
# No points here. The next cell opens a page below it, on which your detector judges what you draw, upload or
# pick. It shows the image as the detector sees it, the score among those of validation images, and the
# verdict. Move the rate of false alarms, and watch the threshold and the four counts.
#
# Draw a few fives, neat ones and odd ones, and then something between a 5 and a 6. Where does the verdict
# turn, and what does the copy look like there?

# %% given="explore" tags=["demo"]
from data_utils.explorer import explore, save_detector
NORMAL = f"the digit {NORMAL_DIGIT}"
try:
    page = explore(detector, x_val, x_test, x_anomaly, normal=NORMAL)
except Exception as reason:
    print(reason)

# %% [markdown]
# Save it, and `python -m data_utils.explorer` in this folder shows it again, beside the detectors of the
# other notebooks. The file holds numbers and a network, but none of your code.

# %% given="save_detector" tags=["demo"]
try:
    saved = save_detector(detector, 2, x_val=x_val, normal=NORMAL, x_normal=x_test, x_anomaly=x_anomaly)
    print(f"saved as {saved.name}")
except Exception as reason:
    print(reason)

# %% [markdown]
# ## In this notebook you have
#
# - trained two networks against each other, and looked at drawings instead of losses;
# - seen that a discriminator knows its opponent and not your anomalies;
# - copied images by search and by an encoder, and put two errors on one scale;
# - been beaten by principal components, and said why;
# - read a paper's numbers more carefully than its authors did.
#
# **Test yourself.** Why does the discriminator's loss rise while the GAN learns? Why must a search be
# seeded? When is an average precision of 0.9 bad?
# <details><summary>Answers</summary>Its opponent grows better; ln 4 means that it cannot tell any more.
# Else the same image has another score at every call, and no threshold fits. When nine images of ten
# are anomalies: that is what a coin gets.</details>

# %% given="progress"
progress()

# %% [markdown]
# **Read on.** I. Goodfellow et al., "Generative Adversarial Nets", NeurIPS (2014). A. Radford et al.,
# "Unsupervised Representation Learning with Deep Convolutional GANs", ICLR (2016). T. Salimans et al.,
# "Improved Techniques for Training GANs", NeurIPS (2016): one-sided label smoothing. T. Schlegl et al.,
# "Unsupervised Anomaly Detection with GANs to Guide Marker Discovery", IPMI (2017): AnoGAN; and
# "f-AnoGAN", Medical Image Analysis 54 (2019). L. Deecke et al., "Image Anomaly Detection with
# Generative Adversarial Networks", ECML (2018): ADGAN. C. Clopper and E. Pearson, "The Use of
# Confidence or Fiducial Limits", Biometrika (1934).
