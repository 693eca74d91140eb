"""What one session may use."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20
GIB = 2**30


@dataclass(frozen=True)
class Limits:
    """Upper bounds of one session, all of them enforced by the trusted side or the kernel.

    Attributes
    ----------
    cell_seconds : float
        Time of one cell: what it computes and what it waits, not what other work on the machine
        takes from it (`grader.sandbox.conversation.Watchman`). The longest training cell of
        profile `embedded` takes about two minutes on two cores; five times that is a hang.
    call_seconds : float
        Time of one call, counted likewise. A re-fit takes at most a minute; scoring 2,000 images
        takes seconds.
    total_seconds : float
        Wall time spent inside requests during the whole session.
    memory_bytes : int
        Private memory of each process (RLIMIT_DATA) and resident memory of all together.
        TensorFlow and torch train these networks within 1 to 3 GiB.
    processes : int
        Processes and threads together. Frameworks start some threads for each core, data loaders
        some more; a fork bomb passes any number at once.
    open_files : int
        Descriptors of one process; the usual soft limit on Linux.
    file_bytes : int
        Largest single file. The largest file of honest work is a checkpoint of ResNet-50 (100 MB).
    tmpfs_bytes : int
        Each of the private folders: work, /tmp, /dev/shm.
    output_chars : int
        Printed text kept from one cell; longer than any reader reads.
    image_bytes : int
        One PNG; a figure of 10 x 8 inches takes about 100 kB.
    message_bytes : int
        One message either way. 54,000 images as float32 are 169 MB, ResNet-50's weights 102 MB.
    """

    cell_seconds: float = 600.0
    call_seconds: float = 120.0
    total_seconds: float = 3600.0
    memory_bytes: int = 4 * GIB
    processes: int = 512
    open_files: int = 1024
    file_bytes: int = 512 * MIB
    tmpfs_bytes: int = 512 * MIB
    output_chars: int = 100_000
    image_bytes: int = 2 * MIB
    message_bytes: int = 256 * MIB
