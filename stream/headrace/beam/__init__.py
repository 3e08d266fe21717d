"""The steps as Beam carries them; what they do is thought in the modules of the same names."""
