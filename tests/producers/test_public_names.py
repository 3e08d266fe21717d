"""The public names of the SDK, each of which is imported when it is first used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from headrace import producers


@pytest.mark.parametrize("name", producers.__all__)
def test_a_public_name_is_what_its_module_has(name: str) -> None:
    assert getattr(producers, name).__name__ == name
    assert name in dir(producers)


def test_another_name_is_missing_as_in_any_module() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Producer'"):
        producers.Producer  # noqa: B018


def test_the_package_alone_imports_no_contracts() -> None:
    code = "import sys, headrace.producers; print('headrace.schemas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
