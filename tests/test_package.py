"""The project as a package: what pip installs serves, trains and makes folders to serve, without torch."""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from app.runs.start.machine import PACKAGES
from tests.conftest import end
from tests.installed import Installation, build_wheel
from tests.servers import KINDS, ROOT, LiveServer

SHARED = ("templates", "static", "configs/experiment")


DOCKERFILE = (ROOT / "docs" / "deploy" / "Dockerfile").read_text(encoding="utf-8")


class InstalledServer(LiveServer):
    """The installed service in a new folder, with no setting but its port: as in the Dockerfile, or on gunicorn."""

    def __init__(self, home: Path, kind: str, installation: Installation) -> None:
        super().__init__(home, kind)
        self.installation = installation
        self.cwd = home / "box"
        self.settings = {"TRAINING_PORT": str(self.port), "PATH": f"{installation.bin}:{os.environ['PATH']}"}
        self.cwd.mkdir()

    def command(self) -> list[str]:
        if self.kind == "eventlet":
            return docker_command("CMD")
        made = self.installation.run("training", "init", ".", cwd=self.cwd)
        assert made.returncode == 0, made.stderr
        configuration = str(self.installation.packages / "app" / "share" / "gunicorn.conf.py")
        return [str(self.installation.bin / "python"), "-m", "gunicorn", "-c", configuration, "wsgi:app"]


def docker_command(instruction: str) -> list[str]:
    """Return the command of an instruction of the Dockerfile."""
    [command] = re.findall(rf"^{instruction} .*?(\[.*\])$", DOCKERFILE, re.MULTILINE)
    return list(json.loads(command))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installation(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("installation") / "venv", wheel)


@pytest.mark.parametrize("kind", KINDS)
def test_the_installed_service_runs_commands_and_says_what_it_needs_to_train(
    kind: str, installation: Installation, tmp_path: Path
) -> None:
    server = InstalledServer(tmp_path, kind, installation)
    try:
        server.start()
        subprocess.run(docker_command("HEALTHCHECK"), env=server.environment(), check=True)
        assert_the_page_is_whole(server)
        run_id = server.start_run("command_example.yaml", overrides={"epochs": 1})
        server.wait_for_state(run_id, "completed")
        assert (server.cwd / "logs" / "train" / "runs" / run_id / "output" / "metrics.csv").is_file()
        assert server.get(f"/training/metrics/runs/{run_id}").json()["total_rows"] == 1
        assert_our_trainer_is_refused(server)
    finally:
        end(server)


def assert_the_page_is_whole(server: LiveServer) -> None:
    addresses = set(re.findall(r'(?:src|href)="(assets/[^"]+)"', server.get("/").text + server.get("/docs").text))
    assert len(addresses) > 10
    assert [address for address in sorted(addresses) if not server.get(f"/{address}").ok] == []


def assert_our_trainer_is_refused(server: LiveServer) -> None:
    folders = {f"{split}_data_dir": str(server.data_dir) for split in ("train", "val", "test")}
    for path in ("check", "start"):
        answer = server.post(f"/training/{path}", {"config_name": "digits_resnet.yaml", **folders})
        assert answer.status_code == 422
        assert "pip install 'training-service[trainer]'" in str(answer.json()["errors"]["config_name"])


def test_the_wheel_holds_every_file_that_the_service_needs(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    packages = [path for name in ("app", "trainer") for path in (ROOT / name).rglob("*.py")]
    shared = [path for name in SHARED for path in (ROOT / name).rglob("*") if path.is_file()]
    needed = {str(path.relative_to(ROOT)) for path in packages}
    needed |= {f"app/share/{path.relative_to(ROOT)}" for path in [*shared, ROOT / "wsgi.py", ROOT / "gunicorn.conf.py"]}
    assert needed - held == set()
    assert {name.partition("/")[0] for name in held} == {"app", "trainer", "training_service-0.1.0.dist-info"}
    assert "app/share/setup.py" not in held


def test_the_extra_trainer_is_what_a_start_looks_for() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = setup["options.extras_require"]
    names = {key: set(re.findall(r"^[a-z-]+", extras[key], re.MULTILINE)) for key in extras}
    assert names["trainer"] - {"scikit-learn"} == set(PACKAGES)
    assert names["all"] == names["trainer"] | names["heif"] | names["mlflow"]


def test_a_folder_with_experiments_is_left_as_it_is(installation: Installation, tmp_path: Path) -> None:
    own = tmp_path / "box" / "configs" / "experiment" / "digits_vit.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    refused = installation.run("training", "init", "box", cwd=tmp_path)
    assert refused.returncode == 1
    assert f"{own.relative_to(tmp_path)} exists already" in refused.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [own]
    assert own.read_text() == "mine"


def test_a_folder_without_experiments_is_not_served(installation: Installation, tmp_path: Path) -> None:
    refused = installation.run("training", "serve", cwd=tmp_path)
    assert refused.returncode == 1
    assert "training init" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_checkout_uses_its_own_files_wherever_it_is_started(installation: Installation, tmp_path: Path) -> None:
    code = "from app.installation import *; print(share_dir(), default_home())"
    shown = subprocess.run(
        [installation.bin / "python", "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True
    )
    assert shown.stdout.decode().split() == [str(ROOT), str(ROOT)]
