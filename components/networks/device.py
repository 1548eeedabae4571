"""Where networks run, with how many threads, and in which precision."""

import contextlib
import ctypes
import functools
import gc
import importlib
from collections.abc import Iterator

import torch

from components.study.randomness import step_seed


def pick_device() -> torch.device:
    """The first GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def bfloat16_pays(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 in hardware; emulated it is slower than float32.

    Measured at 64 pixels on a CPU with AVX512-BF16: 1.3 to 1.5 times the float32 rate.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


@contextlib.contextmanager
def training_thread(n_threads: int) -> Iterator[None]:
    """Settings of the calling thread while it trains: equal numbers for equal thread counts.

    They end with the block: statistics that follow in the same thread count on IEEE arithmetic.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    # Denormal numbers cost a hundred times a normal one's time and change no result that is shown.
    torch.set_flush_denormal(True)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(before)


@functools.cache
def set_libraries_aside() -> None:
    """Take what libraries have in memory out of every later search for cycles, once a process.

    For a process that does nothing but train: the search through torch's and torchvision's objects
    takes 0.3 s, as long as building a network.
    """
    importlib.import_module("torchvision")  # the first network needs it, and it is the largest
    gc.collect()
    gc.freeze()


def release_memory() -> None:
    """Give back what networks of the past have left.

    Networks hang together in cycles, and the C library keeps freed memory for itself: without
    this a process that trains one ResNet50 after another grows from 2.1 to 3.3 GB.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # glibc alone has it
        trim(0)


def seed_of(seed: int, step: str) -> int:
    """A seed for torch's own generator, of the same family as every other step's."""
    return int(step_seed(seed, step).generate_state(1)[0])
