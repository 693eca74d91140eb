"""How fast the page answers four people who click at once, and what hostile uploads do to it.

The page runs as a learner starts it, in a process of its own, with the detectors saved in
``detectors/`` if there are any, else the baseline; every drawing is judged by as many of them as
fit side by side. Then the same detectors judge ten digits drawn by hand in seven ways. The result
goes to `results/explorer.json`.

    python -m benchmarks.explorer
"""

import http.client
import io
import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.drawn_digits import STROKES, WAYS, drawn, verdicts
from benchmarks.hostile_uploads import hostile_uploads
from data_utils.explorer.asking import MOST_DETECTORS
from data_utils.explorer.choosing import detectors_of

PEOPLE = 4
REQUESTS = 400
HOSTILE = 200
WARM_UP = 8  # the first answers load what is loaded once
MEDIAN_MS, P99_MS, PEAK_MB = 100.0, 300.0, 1000.0  # the course's own targets
SEEDS = 5  # drawings of each digit in each way
_BOUNDARY = "benchmark"
Answer = tuple[int, float]  # status, milliseconds


def main() -> int:
    """Measure, write the result, and say whether the targets were met."""
    served = detectors_of([], print)
    # The last ones: the pretrained network and the many transformations cost the most.
    names = [each.name for each in served][-MOST_DETECTORS:]
    drawings = [_form(file, names) for file in _drawings()]
    process, port = _started()
    try:
        _all_at_once(port, drawings[:WARM_UP])
        before = _measured(port, drawings, process.pid)
        hostile = hostile_uploads()
        sent = [hostile[place % len(hostile)] for place in range(HOSTILE)]
        statuses = [
            status for status, _ in _all_at_once(port, [_form(each.data, names) for each in sent])
        ]
        wrong = [
            each.name for each, status in zip(sent, statuses, strict=True) if status != each.status
        ]
        after = _measured(port, drawings, process.pid)
    finally:
        process.kill()
        process.wait()
    row = {
        "command": "python -m benchmarks.explorer",
        "detectors": names,
        "people": PEOPLE,
        "requests": REQUESTS,
        "before": before,
        "hostile": dict(sorted(Counter(map(str, statuses)).items())),
        "hostile_with_another_status": wrong,
        "after": after,
        "called_anomalies_by_digit": verdicts(served, SEEDS),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
    }
    path = Path(__file__).resolve().parent / "results" / "explorer.json"
    path.write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(row, indent=1))
    return int(bool(wrong) or not all(_is_fast(each) for each in (before, after)))


def _drawings() -> list[bytes]:
    """Return as many different drawings as requests, each a PNG as a canvas makes it."""
    ways = list(WAYS.values())
    return [
        _png(drawn(place % len(STROKES), ways[place % len(ways)], seed=place))
        for place in range(REQUESTS)
    ]


def _png(picture: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).convert("RGBA").save(file, "PNG")
    return file.getvalue()


def _started() -> tuple[subprocess.Popen[str], int]:
    """Start the page; return its process and port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "data_utils.explorer", "--no-open", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    for line in process.stdout or ():
        if "The page is at" in line:
            return process, int(line.split("127.0.0.1:")[1].split("/")[0])
    raise SystemExit("The page did not start.")


def _all_at_once(port: int, forms: list[bytes]) -> list[Answer]:
    """Send forms, each person the next one as soon as an answer is there."""
    answers: list[Answer | None] = [None] * len(forms)

    def person(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        for place in range(first, len(forms), PEOPLE):
            answers[place] = _send(connection, forms[place])
        connection.close()

    people = [threading.Thread(target=person, args=(number,)) for number in range(PEOPLE)]
    for each in people:
        each.start()
    for each in people:
        each.join()
    return [answer for answer in answers if answer is not None]


def _form(file: bytes, names: list[str]) -> bytes:
    """Return the page's form with a file as the drawing, to be judged by these detectors."""
    field = f"--{_BOUNDARY}\r\nContent-Disposition: form-data; name="
    chosen = "".join(f'{field}"detector"\r\n\r\n{name}\r\n' for name in names)
    head = f'{field}"drawing"; filename="drawing.png"\r\nContent-Type: image/png\r\n\r\n'
    return (chosen + head).encode() + file + f"\r\n--{_BOUNDARY}--\r\n".encode()


def _send(connection: http.client.HTTPConnection, body: bytes) -> Answer:
    headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}", "X-Fragment": "1"}
    began = time.perf_counter()
    connection.request("POST", "/score", body, headers)
    response = connection.getresponse()
    response.read()
    return response.status, 1000 * (time.perf_counter() - began)


def _measured(port: int, drawings: list[bytes], pid: int) -> dict[str, Any]:
    """Send all drawings and return what that took."""
    began = _cpu_s(pid)
    answers = _all_at_once(port, drawings)
    spent = None if began is None else (_cpu_s(pid) or 0.0) - began
    took = np.array([milliseconds for _, milliseconds in answers])
    return {
        "answered": sum(status == 200 for status, _ in answers),
        "median_ms": round(float(np.median(took)), 1),
        "p99_ms": round(float(np.quantile(took, 0.99)), 1),
        # What other programs do on the machine changes the times above, but hardly this one.
        "cpu_ms_each": None if spent is None else round(1000 * spent / len(answers), 1),
        "peak_MB": _peak(pid),
    }


def _cpu_s(pid: int) -> float | None:
    """Return the CPU seconds of a process so far; None where the system does not say."""
    path = Path(f"/proc/{pid}/stat")
    if not path.exists():
        return None
    fields = path.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak(pid: int) -> float | None:
    """Return the most memory that a process had so far; None where the system does not say."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    lines = status.read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    return round(int(kilobytes) * 1024 / 1e6, 1)


def _is_fast(row: dict[str, Any]) -> bool:
    small = row["peak_MB"] is None or row["peak_MB"] < PEAK_MB
    answered = row["answered"] == REQUESTS
    return bool(answered and small and row["median_ms"] < MEDIAN_MS and row["p99_ms"] < P99_MS)


if __name__ == "__main__":
    raise SystemExit(main())
