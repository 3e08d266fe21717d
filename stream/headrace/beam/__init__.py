"""The steps as Beam transforms; the pure functions are in the modules of ``steps/`` with the same names."""
