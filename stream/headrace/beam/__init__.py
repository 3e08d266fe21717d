"""The steps as Beam transforms. They call the pure functions of the modules in ``steps``."""
