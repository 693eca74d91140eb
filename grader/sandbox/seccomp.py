"""A small system call filter: what honest notebooks never ask for and other limits do not hold.

New user namespaces would allow unlimited tmpfs mounts, memfd_create memory that no limit counts,
the keyring is shared with the outside, and io_uring and bpf are where the kernel's holes were.
Refused calls give an error, never a signal: libraries fall back. NVIDIA's driver does not: it gives
up without memfd_create, so a session with a GPU may call that.
"""

from __future__ import annotations

import errno
import os
import platform
import struct

# Numbers of linux/audit.h and of the system calls, for each machine that Python wheels exist for.
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
CALLS = {
    "x86_64": {
        "clone": 56,
        "unshare": 272,
        "setns": 308,
        "clone3": 435,
        "add_key": 248,
        "request_key": 249,
        "keyctl": 250,
        "io_uring_setup": 425,
        "bpf": 321,
        "memfd_create": 319,
    },
    "aarch64": {
        "clone": 220,
        "unshare": 97,
        "setns": 268,
        "clone3": 435,
        "add_key": 217,
        "request_key": 218,
        "keyctl": 219,
        "io_uring_setup": 425,
        "bpf": 280,
        "memfd_create": 279,
    },
}
NEW_USER_NAMESPACE = 0x10000000  # CLONE_NEWUSER
X32_BIT = 0x40000000  # the second set of numbers that x86_64 has

# Classic BPF, linux/filter.h and linux/seccomp.h.
LOAD, JUMP_EQUAL, JUMP_GREATER_EQUAL, JUMP_SET, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
OFFSET_NUMBER, OFFSET_ARCH, OFFSET_FIRST_ARGUMENT = 0, 4, 16  # in struct seccomp_data
ALLOW = 0x7FFF0000
REFUSE = 0x00050000  # with the error number in the low bits


def program(machine: str | None = None, with_gpu: bool = False) -> bytes | None:
    """Return the filter as bubblewrap's `--seccomp` reads it.

    Parameters
    ----------
    machine : str, optional
        As `platform.machine()` says; this machine when left out.
    with_gpu : bool
        Let memfd_create through.

    Returns
    -------
    bytes or None
        None for machines whose numbers are not known here; the sandbox then runs without it.
    """
    machine = machine or platform.machine()
    if machine not in CALLS:
        return None
    calls = CALLS[machine]
    refuse = [_step(RETURN, REFUSE | errno.EPERM)]
    missing = [_step(RETURN, REFUSE | errno.ENOSYS)]
    steps = [
        _step(LOAD, OFFSET_ARCH),
        _step(JUMP_EQUAL, AUDIT_ARCH[machine], 1, 0),
        *missing,  # 32-bit calls on a 64-bit kernel
        _step(LOAD, OFFSET_NUMBER),
        _step(JUMP_GREATER_EQUAL, X32_BIT, 0, 1),
        *missing,
    ]
    # clone3 takes its flags by pointer, which a filter cannot follow; the C library falls back to
    # clone when it is missing.
    for name in ("clone3", "io_uring_setup", *(() if with_gpu else ("memfd_create",))):
        steps += [_step(JUMP_EQUAL, calls[name], 0, 1), *missing]
    for name in ("setns", "add_key", "request_key", "keyctl", "bpf"):
        steps += [_step(JUMP_EQUAL, calls[name], 0, 1), *refuse]
    for name in ("clone", "unshare"):
        steps += [
            _step(JUMP_EQUAL, calls[name], 0, 4),
            _step(LOAD, OFFSET_FIRST_ARGUMENT),
            _step(JUMP_SET, NEW_USER_NAMESPACE, 0, 1),
            *refuse,
            _step(RETURN, ALLOW),
        ]
    return b"".join([*steps, _step(RETURN, ALLOW)])


def open_program(with_gpu: bool) -> int | None:
    """Return a descriptor to read the filter from, None where there is none.

    Parameters
    ----------
    with_gpu : bool
        As for `program`.

    Returns
    -------
    int or None
        The caller closes it.
    """
    filter_bytes = program(with_gpu=with_gpu)
    if filter_bytes is None:
        return None
    read, write = os.pipe()
    os.write(write, filter_bytes)  # a few hundred bytes; a pipe holds 64 kB
    os.close(write)
    return read


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """Return one instruction."""
    return struct.pack("=HBBI", code, if_true, if_false, value)
