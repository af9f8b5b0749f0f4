"""Playbooks and roles as they are written: lint, syntax, and an example inventory that says nothing unknown."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.fleet.fleet import ANSIBLE

PLAYBOOKS = sorted(path.name for path in ANSIBLE.glob("*.yml") if not path.name.startswith("inventory"))


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ANSIBLE / "env", *command], capture_output=True, text=True, cwd=ANSIBLE)


def test_ansible_lint_finds_nothing() -> None:
    done = run("ansible-lint", "--nocolor")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_each_playbook_can_be_read_with_the_example_inventory(playbook: str) -> None:
    done = run("ansible-playbook", "-i", "inventory.example.yml", playbook, "--syntax-check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_bundle_that_was_not_fetched_is_not_in_the_way_of_the_next(tmp_path: Path) -> None:
    """The box is this machine, its ``packshot`` a script that overwrites nothing."""
    command, bundle, fetched = (tmp_path / name for name in ("bin/packshot", "bundle", "out/box/support.tar.gz"))
    command.parent.mkdir()
    command.write_text('#!/bin/sh\n[ "$1" = info ] || { set -C && echo logs >"$3"; }\n')
    command.chmod(0o755)
    play = tmp_path / "play.yml"
    play.write_text(
        "- {hosts: all, gather_facts: false, connection: local, roles: [collect],"
        f' environment: {{PATH: \'{command.parent}:{{{{ lookup("env", "PATH") }}}}\'}}}}\n'
    )
    told = [f"-e collect_folder={tmp_path / 'out'}", f"-e collect_bundle={bundle}", "-e collect_command=false"]
    fetched.mkdir(parents=True)  # where the bundle belongs lies something else
    assert run("ansible-playbook", "-i", "box,", *told, str(play)).returncode != 0
    assert not bundle.exists()

    fetched.rmdir()
    bundle.write_text("half")
    done = run("ansible-playbook", "-i", "box,", *told, str(play))
    assert done.returncode == 0, done.stdout + done.stderr
    assert fetched.read_text() == "logs\n"
    assert not bundle.exists()


def test_every_variable_of_the_example_and_the_page_is_one_of_a_role() -> None:
    defaults = {
        name
        for path in ANSIBLE.glob("roles/*/defaults/main.yml")
        for name in re.findall(r"^(\w+):", path.read_text(), re.MULTILINE)
    }
    roles = "|".join(sorted(path.name for path in (ANSIBLE / "roles").iterdir()))
    for text in (ANSIBLE / "inventory.example.yml", ANSIBLE / "README.md"):
        used = set(re.findall(rf"\b(?:{roles})_\w+", Path(text).read_text()))
        assert used
        assert used <= defaults, text.name
