"""From the version before to this one and back, while records flow: nothing is lost, nothing comes twice on clean stops, and every key keeps its order.

As Kubernetes does it: a Deployment starts a new pod, waits until it is ready and ends an old one; a StatefulSet ends a pod and starts another under its name.
"""

import pytest

from fleet import BEFORE, FOLDER, NOW, Fleet, judged
from pod import started
from stage import wait_for


@pytest.fixture
def fleet(tmp_path):
    with Fleet(tmp_path) as fleet:
        yield fleet
    # Shown when something failed.
    print(*fleet.logs(), sep="\n")


def deploy(fleet, old, program, configuration, prefix):
    """A rolling update of a Deployment with `maxSurge: 1, maxUnavailable: 0`: the members that are there then."""
    new = []
    for number, leaving in enumerate(old):
        name = f"{prefix}-{number}"
        fleet.run(name, program, configuration)
        new.append(name)
        fleet.leave(leaving)
        fleet.grows()
    return new


def test_a_deployment(fleet):
    configuration = fleet.configuration()
    for name in ("before-0", "before-1"):
        fleet.run(name, BEFORE, configuration)
    fleet.grows()
    upgraded = deploy(fleet, ["before-0", "before-1"], NOW, configuration, "now")
    back = deploy(fleet, upgraded, BEFORE, configuration, "back")
    fleet.finish()
    assert judged(fleet) == 0
    for name in back:
        fleet.leave(name)


def test_a_release_of_the_chart(fleet, cluster):
    """What Helm makes of it on a real API, with the chart of each version. There are no nodes: what one would start of the Deployment is started here."""
    namespace = cluster.namespace("shop")
    programs = {"before": BEFORE, "now": NOW}
    values = {
        "config": fleet.configuration().read_text(),
        "secrets": {"env": {"BRIDGE_EVENTHUBS__CONNECTION_STRING": fleet.connection()}},
        "replicas": 2,
    }

    def image(tag):
        return {"image": {"repository": "localhost:5000/kafka-eventhubs-bridge", "tag": tag}}

    def rolled(revision, leaving):
        """The pods of the Deployment as it is stored now, one by one; then one of before may go."""
        pod = namespace.get("deployment")["spec"]["template"]["spec"]
        program = programs[pod["containers"][0]["image"].rpartition(":")[2]]
        pods = [f"{revision}-{number}" for number in range(namespace.get("deployment")["spec"]["replicas"])]
        for number, name in enumerate(pods):
            arguments, environment = started(namespace, pod, fleet.folder / name)
            fleet.join(name, program, *arguments, **environment)
            if leaving:
                fleet.leave(leaving[number])
            fleet.grows()
        return pods

    namespace.install(values, image("before"), chart=FOLDER / "chart")
    first = rolled("installed", [])
    namespace.upgrade(values, image("now"))
    second = rolled("upgraded", first)
    namespace.rollback(1)
    rolled("back", second)
    fleet.finish()
    assert judged(fleet) == 0


def test_a_stateful_set(fleet):
    """Under static names a member that comes back gets the partitions it had, and the others notice nothing."""
    configuration = fleet.configuration()
    names = ["bridge-0", "bridge-1"]
    for name in names:
        fleet.run(name, BEFORE, configuration, instance=name)
    fleet.grows()
    had = wait_for("a share for each", lambda: fleet.shares(*names))
    for program in (NOW, BEFORE):
        # The last one first, as its controller does.
        for name in reversed(names):
            fleet.leave(name)
            fleet.run(name, program, configuration, instance=name)
            fleet.grows()
        assert fleet.shares(*names) == had
    fleet.finish()
    assert judged(fleet) == 0


def test_what_the_new_one_notes_does_not_confuse_the_old_one(fleet):
    """With `effectively_once` positions carry what was sent of an attempt: the version before goes on there, and this one after it."""
    plain, once = fleet.configuration(), fleet.configuration('delivery = "effectively_once"')
    fleet.run("now-0", NOW, once)
    fleet.grows()
    fleet.leave("now-0")
    fleet.run("before-0", BEFORE, plain)
    fleet.grows()
    fleet.leave("before-0")
    fleet.run("now-1", NOW, once)
    fleet.grows()
    fleet.finish()
    assert judged(fleet) == 0


@pytest.mark.parametrize("killed, heir", [(BEFORE, NOW), (NOW, BEFORE)], ids=["before", "now"])
def test_a_member_that_is_killed_in_the_middle(fleet, killed, heir):
    """Only what it had sent since its last commit may come twice, and only of its own partitions: what docs/delivery.md allows."""
    configuration = fleet.configuration()
    fleet.run("killed", killed, configuration)
    fleet.run("heir", heir, configuration)
    shared = wait_for("a share for each", lambda: fleet.shares("killed", "heir"))
    fleet.grows()
    committed = fleet.committed()
    fleet.kill("killed")
    # It had read no further. That it committed once more before its end makes what may come again less, and the test no stricter than the page.
    ends = fleet.ends()
    wait_for("every partition", lambda: fleet.shares("heir"))
    fleet.grows()
    fleet.finish()
    judged(fleet, [(partition, committed[partition], ends[partition]) for partition in shared["killed"]])
