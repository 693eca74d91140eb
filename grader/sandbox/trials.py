"""Tiny programs that show whether a framework works in a session, and whether it uses the GPU."""

from __future__ import annotations

# Imported alone everything looks well; whether threads and pools survived the fork shows in work.
CANARIES = {
    "numpy": "import numpy as np\nassert (np.ones((99, 99)) @ np.ones((99, 99)))[0, 0] == 99",
    "tensorflow": (
        "import keras, numpy as np\n"
        "model = keras.Sequential([keras.layers.Dense(1)])\n"
        "model.compile('sgd', 'mse')\n"
        "assert model.fit(np.ones((4, 2)), np.ones(4), verbose=0).history['loss']"
    ),
    "torch": (
        "import torch\n"
        "model = torch.nn.Conv2d(1, 8, 3)\n"
        "before = model.weight.detach().clone()\n"
        "model(torch.rand(64, 1, 28, 28)).square().mean().backward()\n"
        "torch.optim.SGD(model.parameters(), 0.1).step()\n"
        "assert (model.weight != before).any()"
    ),
}
# What runs on the processor all the same would be graded by the floors of the wrong device.
ON_GPU = {
    "tensorflow": (
        "import tensorflow as tf\n"
        "assert tf.config.list_physical_devices('GPU'), 'TensorFlow sees no GPU'\n"
        "with tf.device('GPU:0'):\n"
        "    assert float(tf.reduce_sum(tf.ones((9, 9)) @ tf.ones((9, 9)))) == 729"
    ),
    "torch": (
        "import torch\n"
        "assert torch.cuda.is_available(), 'PyTorch sees no GPU'\n"
        "layer = torch.nn.Conv2d(1, 8, 3).cuda()\n"
        "layer(torch.rand(8, 1, 28, 28, device='cuda')).square().mean().backward()\n"
        "assert bool((layer.weight.grad != 0).any())"
    ),
}
# The driver alone, without any framework: error code, and how many GPUs it counts.
DRIVER_ANSWERS = """
import ctypes
driver, count = ctypes.CDLL("libcuda.so.1"), ctypes.c_int()
answer = [driver.cuInit(0), driver.cuDeviceGetCount(ctypes.byref(count)), count.value]
"""


def canary_of(preload: str, with_gpu: bool) -> str:
    """Return what a session of a fork server has to get through.

    Parameters
    ----------
    preload : str
        What was imported before, as `Session` takes it.
    with_gpu : bool
        Also on the GPU, where the framework has one to use.
    """
    more = ON_GPU.get(preload, "") if with_gpu else ""
    return f"{CANARIES[preload]}\n{more}"
