# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "abi3audit==0.0.26",
#     "auditwheel==6.8.2",
#     "hatchling==1.33.0",
#     "setuptools==84.2.1",
#     "ziglang==0.17.1",
# ]
# ///
"""Builds the wheels of headrace-schemas for Linux: x86_64 and arm64, glibc and musl; ``make wheels`` calls it.

Zig compiles all of them on any Linux. The compiled module uses CPython's limited API of 3.11, so one wheel of each
platform serves CPython 3.11 and later. ``auditwheel`` checks each wheel's platform tag, ``abi3audit`` its use of the
limited API. Wheels of this machine are installed into each CPython of PYTHONS that is found on the PATH, and decode a
sample event: ``--decode-sample`` does that alone, with the headrace-schemas that is installed.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

FOLDER: Final = Path(__file__).parent
PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
PLATFORM: Final = "HEADRACE_WHEEL_PLATFORM"  # as in hatch_build.py
SAMPLE: Final = "--decode-sample"


FLIGHT: Final = {
    "carrier": "UA",
    "flight": 1545,
    "tail_number": "N14228",
    "origin": "EWR",
    "destination": "IAH",
    "scheduled_at": datetime(2026, 3, 14, 15, 9, tzinfo=UTC),
    "distance_miles": 1400,
    "cancelled": False,
}


class Target(NamedTuple):
    """A platform: as Zig names it, and as wheels name it."""

    zig: str
    tag: str

    @property
    def musl(self) -> bool:
        """Whether its libc is musl."""
        return "musl" in self.zig


TARGETS: Final = (
    Target("x86_64-linux-gnu.2.17", "manylinux_2_17_x86_64"),
    Target("aarch64-linux-gnu.2.17", "manylinux_2_17_aarch64"),
    Target("x86_64-linux-musl", "musllinux_1_2_x86_64"),
    Target("aarch64-linux-musl", "musllinux_1_2_aarch64"),
)


def build(target: Target, into: Path) -> Path:
    """Build the wheel of *target* and return its path."""
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", target.zig]
    with tempfile.TemporaryDirectory() as scratch:
        linker = [*compiler, "-shared", "-s", *(_musl_libc(target, compiler, Path(scratch)) if target.musl else ())]
        variables = {"CC": shlex.join(compiler), "LDSHARED": shlex.join(linker), PLATFORM: target.tag}
        command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(into)]
        subprocess.run(command, cwd=FOLDER, env=os.environ | variables, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = into.glob(f"*-cp311-abi3-{target.tag}.whl")
    return wheel


def _musl_libc(target: Target, compiler: list[str], scratch: Path) -> list[str]:
    """Return the linker's arguments for a libc under the name that distributions on musl give it; Zig's is libc.so."""
    empty, libc = scratch / "empty.c", scratch / "libc.so"
    empty.touch()
    soname = f"-Wl,-soname,libc.musl-{target.zig.partition('-')[0]}.so.1"
    subprocess.run([*compiler, "-shared", "-nostdlib", soname, "-o", str(libc), str(empty)], check=True)
    return ["-nostdlib", "-Wl,--no-as-needed", str(libc)]


def check(wheel: Path, target: Target) -> None:
    """Check that *wheel* runs on every platform of its tag, and on CPython 3.11 and later."""
    command = [sys.executable, "-m", "auditwheel", "show", "--ldpaths", "", str(wheel)]  # of no library of this machine
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if f'"{target.tag}"' not in shown:
        raise SystemExit(f"{wheel.name}: auditwheel finds another platform than its tag:\n{shown}")
    audit = [sys.executable, "-m", "abi3audit", "--strict", str(wheel)]
    done = subprocess.run(audit, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit(f"{wheel.name}: abi3audit finds more than the limited API:\n{done.stdout}")


def runs_here(target: Target) -> bool:
    """Return whether a Python of this machine loads what is built for *target*."""
    return target.musl == (platform.libc_ver()[0] != "glibc") and target.tag.endswith(platform.machine())


def try_out(wheel: Path) -> None:
    """Install *wheel* into each CPython in turn and decode a sample event with it."""
    uv = os.environ.get("UV", "uv")
    for version in PYTHONS:
        found = subprocess.run(
            [uv, "python", "find", "--no-project", "--system", version], capture_output=True, text=True
        )
        if found.returncode:
            print(f"  not run on CPython {version}, which is not on the PATH")
            continue
        command = [uv, "run", "--quiet", "--no-project", "--isolated", "--python", found.stdout.strip()]
        subprocess.run([*command, "--with", str(wheel), "python", "-P", __file__, SAMPLE], check=True)


def decode_sample() -> None:
    """Encode a sample event by the compiled encoder, and decode it, and the same cut off, by the compiled decoder.

    Fails where that cannot be done.
    """
    from headrace.schemas import columns, encode, registry, samples  # of the wheel, which a build does without

    contract = registry.Registry.load(samples.SAMPLES).latest("flight_departed")
    module = columns.compiled_module()
    these = columns.CompiledColumns(contract.record, module)
    payload = encode.encode(contract, FLIGHT)
    encoded = contract.event_encoder and contract.event_encoder(FLIGHT)
    if not encoded or encoded.datum != payload:
        raise SystemExit("the compiled encoder does not encode the sample")
    refused = these.read([contract.record] * 2, [payload, payload[:-1]])
    these.finish()
    if [(each.message, each.error.path) for each in refused] != [(1, "cancelled")]:
        raise SystemExit(f"the compiled decoder refuses {refused}")
    print(f"  decoded on {platform.python_implementation()} {platform.python_version()} by {module.__file__}")


def main() -> None:
    """Build, check and try out every wheel; or decode the sample."""
    if sys.argv[1:] == [SAMPLE]:
        decode_sample()
        return
    into = Path(sys.argv[1]).absolute()
    shutil.rmtree(into, ignore_errors=True)
    for target in TARGETS:
        wheel = build(target, into)
        check(wheel, target)
        print(f"{wheel.name}: built and checked")
        if runs_here(target):
            try_out(wheel)
        else:
            print("  not run, for it is of another platform")


if __name__ == "__main__":
    main()
