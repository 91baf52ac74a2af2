"""Where the service's own files lie: in a checkout, and once pip has installed it."""

from __future__ import annotations

from pathlib import Path

CODE_DIR = Path(__file__).resolve().parents[1]
"""The folder of the packages `app` and `trainer`: the checkout, or site-packages."""

_SHARE = CODE_DIR / "app" / "share"
"""A wheel holds the checkout's other files here (`app.share` in setup.cfg). A checkout has no such folder."""


def is_installed() -> bool:
    """Whether pip has copied the service into site-packages. An editable installation is a checkout."""
    return _SHARE.is_dir()


def share_dir() -> Path:
    """Return the folder of templates, static, configs/experiment, docs/examples, wsgi.py and gunicorn.conf.py."""
    return _SHARE if is_installed() else CODE_DIR


def default_home() -> Path:
    """Return the folder of experiments, data and runs if TRAINING_HOME is unset: the checkout, or the current one."""
    return Path.cwd() if is_installed() else CODE_DIR
