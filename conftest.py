"""The fixtures every test may ask for."""

pytest_plugins = ["shared.kernel.testing"]
