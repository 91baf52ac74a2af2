"""The part of the build that setup.cfg cannot express: all packages, and one that is not a folder of that name."""

from setuptools import find_packages, setup

# `app.share` is the checkout itself (package_dir in setup.cfg): the files outside the packages that the service needs.
setup(
    packages=[*find_packages(include=["app", "app.*", "trainer", "trainer.*"]), "app.share"],
    script_name="setup.py",  # so that `app.share` does not get this file
)
