"""What GitHub is given: it understands it, every action is a commit and not a name that moves, and all it runs is there."""

import re

import pytest
import yaml

from chart import ROOT, run

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yaml"))
names = {"ids": lambda file: file.name}
SCHEMAS = {
    "vendor.github-workflows": WORKFLOWS,
    "vendor.dependabot": [GITHUB / "dependabot.yml"],
    "vendor.github-issue-config": [GITHUB / "ISSUE_TEMPLATE/config.yml"],
    "vendor.github-issue-forms": [GITHUB / "ISSUE_TEMPLATE/defect.yml", GITHUB / "ISSUE_TEMPLATE/wish.yml"],
}


def test_workflows_and_their_scripts_are_sound():
    run("actionlint", *WORKFLOWS)


def test_workflows_are_safe():
    run("zizmor", "--offline", "--persona", "regular", GITHUB)


@pytest.mark.parametrize("schema, files", SCHEMAS.items(), ids=SCHEMAS)
def test_files_are_of_their_schemas(schema, files):
    run("check-jsonschema", "--builtin-schema", schema, *files)


@pytest.mark.parametrize("file", WORKFLOWS, **names)
def test_what_is_run_is_there(file):
    text = file.read_text()
    targets = re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text())
    for target in re.findall(r"\bmake ([a-z-]+)", text):
        assert target in targets
    for script in re.findall(r"scripts/[\w.-]+", text):
        assert (ROOT / script).exists()


@pytest.mark.parametrize("file", WORKFLOWS, **names)
def test_jobs_have_an_end_and_few_rights(file):
    workflow = yaml.safe_load(file.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        if "uses" in job:
            # Another of these files, whose jobs are looked at there.
            assert (ROOT / job["uses"]).is_file(), name
            continue
        assert job["timeout-minutes"] <= 90, name
        for step in job["steps"]:
            assert re.search(r"@[0-9a-f]{40}$", step.get("uses", "@" + "0" * 40)), step
