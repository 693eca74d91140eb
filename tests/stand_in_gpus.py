"""A folder that looks like a machine with NVIDIA GPUs, for tests on machines without."""

from pathlib import Path

FAR = "opt/nvidia/lib"  # a folder of the driver that no mount of the system shows
LISTED = f"\tlibcuda.so.1 (libc6,x86-64) => /{FAR}/libcuda.so.1\n\tlibm.so.6 => /lib/libm.so.6\n"


def make_machine(root: Path, *numbers: int, driver: str = FAR) -> Path:
    """Write device nodes of GPUs with these numbers, and a driver's libraries; return the root."""
    for name in ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset", "nvidia-caps/c1"):
        _write(root / "dev" / name)
    for number in numbers:
        _write(root / "dev" / f"nvidia{number}")
    for name in ("libcuda.so.550.54", "libnvidia-ml.so.1", "libcudnn.so.9"):
        _write(root / driver / name)
    (root / driver / "libcuda.so.1").symlink_to("libcuda.so.550.54")
    for folder in (root, *root.rglob("*/")):
        folder.chmod(0o755)  # a session of root's has another account
    return root


def _write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(path.name)
    path.chmod(0o666)
