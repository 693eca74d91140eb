"""What a canary runs inside a sandbox: source text that never runs outside.

Each probe tries to break one promise and returns what it saw; the trusted side judges.
"""

PROBES = r'''
import errno, mmap, os, signal, socket, time

def reach_listener(port, name):
    """Try the trusted side's loopback port, its abstract socket, and a resolver."""
    reached = []
    for what, family, address in (
        ("loopback", socket.AF_INET, ("127.0.0.1", port)),
        ("abstract socket", socket.AF_UNIX, "\0" + name),
        ("outside", socket.AF_INET, ("192.0.2.1", 80)),
    ):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.settimeout(0.5)
            try:
                probe.connect(address)
                reached.append(what)
            except OSError:
                pass
    return reached

def routes():
    """Return the lines of the routing table and the network devices."""
    with open("/proc/net/route") as table, open("/proc/net/dev") as devices:
        names = [line.partition(":")[0].strip() for line in devices if ":" in line]
        return len(table.readlines()) - 1, names

def own_numbers():
    """Return the processes that are seen, and the link that names the namespace."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return pids, os.readlink("/proc/self/ns/pid")

def signal_outside(pid):
    """Say whether a process of the outside can be reached."""
    try:
        os.kill(pid, 0)
        return True
    except OSError:
        return False

def writable(folders):
    """Return the folders in which a file can be made."""
    found = []
    for folder in folders:
        path = os.path.join(folder, f"canary-{os.getpid()}-{time.time_ns()}")
        try:
            with open(path, "x"):
                found.append(folder)
            os.remove(path)  # without a wall this is the real folder
        except OSError:
            pass
    return found

def seen_of(folders):
    """Return what can be listed of folders that are covered."""
    seen = []
    for folder in folders:
        try:
            seen += [os.path.join(folder, name) for name in os.listdir(folder)]
        except OSError:
            pass
    return seen

def can_import(name):
    """Say whether a package can be imported."""
    try:
        __import__(name)
        return True
    except ImportError:
        return False

def environments():
    """Return every variable of every process that can be read."""
    found = dict(os.environ)
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    raw = file.read().decode("utf-8", "replace")
            except OSError:
                continue
            found.update(part.split("=", 1) for part in raw.split("\0") if "=" in part)
    return found

def search(secrets, suffixes, skip):
    """Return the files that hold a secret; look at everything but /proc, /sys and /dev."""
    overlap = max(len(secret) for secret in secrets)
    hits, files, waiting = [], 0, ["/"]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.path not in skip and entry.path not in ("/proc", "/sys", "/dev"):
                    waiting.append(entry.path)
            elif entry.is_file(follow_symlinks=False):
                if any(suffix in entry.name for suffix in suffixes):
                    continue
                files += 1
                try:
                    with open(entry.path, "rb", buffering=0) as file:
                        rest = b""
                        while part := file.read(16 * 2**20):
                            part = rest + part
                            if any(secret in part for secret in secrets):
                                hits.append(entry.path)
                                break
                            rest = part[-overlap:]
                except OSError:
                    pass
    return hits, files

def take_memory(count):
    """Ask for private memory at once; say whether it was given."""
    try:
        return len(bytearray(count)) == count
    except MemoryError:
        return False

def share_memory(count):
    """Fill shared memory, which RLIMIT_DATA does not count."""
    pages = mmap.mmap(-1, count)
    for start in range(0, count, 4096):
        pages[start] = 1
    time.sleep(5)

def fork_many(count):
    """Start processes until the kernel refuses; return how many there were."""
    pids = []
    try:
        for _ in range(count):
            pid = os.fork()
            if pid == 0:
                signal.pause()
                os._exit(0)
            pids.append(pid)
    except OSError:
        pass
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return len(pids)

def write_file(count):
    """Write a file of this size in the work folder; return how large it became."""
    try:
        with open("large", "wb", buffering=0) as file:
            left = count
            while left:
                left -= file.write(bytes(min(left, 2**20)))
    except OSError:
        pass
    size = os.path.getsize("large")
    os.remove("large")
    return size

def fill_folders(folders, count):
    """Fill folders with files; return how many bytes each took."""
    took = []
    for folder in folders:
        number = 0
        try:
            while number * 2**20 < count:
                with open(os.path.join(folder, f"fill{number}"), "wb") as file:
                    file.write(bytes(2**20))
                number += 1
        except OSError:
            pass
        for name in os.listdir(folder):
            if name.startswith("fill"):
                os.remove(os.path.join(folder, name))
        took.append(number * 2**20)
    return took
'''
