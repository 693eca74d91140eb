"""Puts one child of the fork server behind a wall of its own, as bubblewrap does for a program.

Only trusted code runs here. Every step raises OSError when the kernel refuses it: a session with a
part of its wall missing is never started.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct

# Names and numbers of linux/sched.h, linux/mount.h, linux/prctl.h, linux/capability.h, linux/if.h.
NEW_MOUNTS, NEW_HOST_NAME, NEW_IPC = 0x20000, 0x4000000, 0x8000000
NEW_USERS, NEW_PIDS, NEW_NETWORK = 0x10000000, 0x20000000, 0x40000000
READ_ONLY, NO_SUID, NO_DEVICES, NO_EXEC = 1, 2, 4, 8
REMOUNT, BIND, RECURSIVE, PRIVATE = 32, 4096, 16384, 1 << 18
SET_DUMPABLE, SET_SECCOMP, READ_BOUND, DROP_BOUND = 4, 22, 23, 24
SET_NO_NEW_PRIVILEGES, AMBIENT, CLEAR_ALL = 38, 47, 4
SECCOMP_FILTER = 2
CAPABILITY_VERSION, CAPABILITY_SETS = 0x20080522, 6  # two words each: effective, permitted, ...
GET_FLAGS, SET_FLAGS, UP = 0x8913, 0x8914, 1
INTERFACE = struct.Struct("16sH14x")  # struct ifreq with the flags in use
INSTRUCTION_BYTES = 8  # struct sock_filter
# What bubblewrap makes read-only below /proc: writing there reaches the whole machine.
MACHINE_WIDE = ("sys", "sysrq-trigger", "irq", "bus")

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = [
    *(ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p),
    *(ctypes.c_ulong, ctypes.c_char_p),
]
_libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def new_namespaces(own_users: bool) -> None:
    """Leave the fork server's namespaces; the next child is the first process of the new ones.

    Parameters
    ----------
    own_users : bool
        Also make a user namespace, which ordinary users need and which counts their processes
        apart. Root needs none: its sessions have accounts of their own.
    """
    user, group = os.getuid(), os.getgid()
    flags = NEW_MOUNTS | NEW_HOST_NAME | NEW_IPC | NEW_PIDS | NEW_NETWORK
    _check(_libc.unshare(flags | (NEW_USERS if own_users else 0)), "unshare")
    if own_users:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")


def own_folders(writable: list[str], tmpfs_bytes: int, covers: list[str], own_users: bool) -> None:
    """Mount what a session does not share: /proc, /dev/pts, folders it may write, covers.

    Parameters
    ----------
    writable : list of str
        The last one becomes the current folder.
    tmpfs_bytes : int
        Size of each of them.
    covers : list of str
        Folders that this session must not see; those that are not there are left out.
    own_users : bool
        As for `new_namespaces`; then nobody inside can make another user namespace.
    """
    _mount(None, "/", None, RECURSIVE | PRIVATE)
    harmless = NO_SUID | NO_DEVICES
    for path in writable:
        # Python itself may lie in there: an environment below /tmp is seen inside too.
        below = {point: os.open(point, os.O_PATH) for point in _mount_points_below(path)}
        _mount("tmpfs", path, "tmpfs", harmless, f"mode=1777,size={tmpfs_bytes}")
        for point, descriptor in below.items():
            os.makedirs(point, 0o755)
            _mount(f"/proc/self/fd/{descriptor}", point, None, BIND | RECURSIVE)
            os.close(descriptor)
    terminals = "newinstance,ptmxmode=0666,mode=620"
    _mount("devpts", "/dev/pts", "devpts", NO_SUID | NO_EXEC, terminals)
    _mount("proc", "/proc", "proc", harmless | NO_EXEC)
    if own_users:
        _write("/proc/sys/user/max_user_namespaces", "0")  # of this namespace alone
    for name in MACHINE_WIDE:
        path = f"/proc/{name}"
        if os.path.exists(path):
            _mount(path, path, None, BIND)
            _mount(None, path, None, BIND | REMOUNT | READ_ONLY | harmless | NO_EXEC)
    for path in covers:
        if os.path.isdir(path):
            _mount("tmpfs", path, "tmpfs", harmless | READ_ONLY, "mode=0755,size=64k")
    os.chdir(writable[-1])  # what was open under this name is the fork server's


def _mount_points_below(folder: str) -> list[str]:
    """Return the topmost mount points inside a folder; what is mounted in them comes with them."""
    with open("/proc/self/mountinfo", "rb") as file:
        points = [line.split()[4].decode("unicode_escape") for line in file]
    top: list[str] = []
    for point in sorted(points):
        if point.startswith(folder + "/") and not any(point.startswith(t + "/") for t in top):
            top.append(point)
    return list(dict.fromkeys(top))


def loopback_up() -> None:
    """Let the processes of a session reach each other over 127.0.0.1, and nobody else."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        now = fcntl.ioctl(any_socket, GET_FLAGS, INTERFACE.pack(b"lo", 0))
        flags = INTERFACE.unpack(now)[1] | UP
        fcntl.ioctl(any_socket, SET_FLAGS, INTERFACE.pack(b"lo", flags))


def drop_privileges(account: int | None, program: bytes) -> None:
    """Give up every right for good, and put the system call filter on.

    Parameters
    ----------
    account : int or None
        User and group to become; None stays what it is.
    program : bytes
        From `seccomp.program`; empty for none.
    """
    _prctl(AMBIENT, CLEAR_ALL)
    capability = 0
    while _libc.prctl(READ_BOUND, capability, 0, 0, 0) >= 0:
        _prctl(DROP_BOUND, capability)
        capability += 1
    if account is not None:
        os.setgroups([])
        os.setresgid(account, account, account)
        os.setresuid(account, account, account)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    none = (ctypes.c_uint32 * CAPABILITY_SETS)()
    _check(_libc.capset(header, none), "capset")
    _prctl(SET_NO_NEW_PRIVILEGES, 1)
    if program:
        told = _Program(len(program) // INSTRUCTION_BYTES, program)
        _prctl(SET_SECCOMP, SECCOMP_FILTER, ctypes.addressof(told))


def set_dumpable(on: bool) -> None:
    """Say whether processes of the same account may look into this one and trace it.

    Parameters
    ----------
    on : bool
        Off for a session's init, which the student's code has no business with.
    """
    _prctl(SET_DUMPABLE, int(on))


def close_all_but(kept: set[int]) -> None:
    """Close every descriptor from 3 on that is not kept.

    Parameters
    ----------
    kept : set of int
    """
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in kept:
            with contextlib.suppress(OSError):  # the listing's own has gone by now
                os.close(int(name))


def _mount(
    source: str | None, target: str, kind: str | None, flags: int, options: str | None = None
) -> None:
    texts = [None if text is None else text.encode() for text in (source, target, kind)]
    told = None if options is None else options.encode()
    _check(_libc.mount(*texts, flags, told), f"mount {kind or ''} on {target}")


def _prctl(option: int, first: int, second: int = 0) -> None:
    _check(_libc.prctl(option, first, second, 0, 0), f"prctl {option}")


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
