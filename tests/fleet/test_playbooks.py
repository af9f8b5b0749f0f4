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
