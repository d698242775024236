//! Members of the group come, go and are replaced while records flow: nothing is lost, and nothing comes twice.

use std::time::Duration;

use eventhubs_local::Server;
use stage::audit::Auditor;
use stage::scene::HUB;
use stage::{Bridge, Kafka, PATIENCE, Scene, Settings, Supply, rest, unique, wait_for};

/// Waits until this member itself has taken records.
pub(crate) fn wait_busy(bridge: &Bridge) {
    bridge.wait_ready(200);
    bridge.wait_metric("bridge_records_received_total", &[], 500.0);
}

/// Nothing was let go before it was settled.
fn assert_orderly(bridge: &Bridge) {
    for reason in ["lost", "deadline"] {
        let label = format!("reason=\"{reason}\"");
        let let_go = bridge.count("bridge_records_let_go_total", &[&label]);
        assert!(let_go == 0, "{let_go} records {reason}");
    }
}

#[test]
fn a_second_member_joins_and_leaves() {
    let scene = Scene::new(Kafka::shared(), "second");
    let first = scene.settings.start();
    wait_busy(&first);
    for _ in 0..2 {
        let second = scene.settings.start();
        wait_busy(&second);
        scene.wait_more(1_000);
        assert_orderly(&second);
        second.stop();
        scene.wait_more(1_000);
    }
    assert_orderly(&first);
    assert_eq!(scene.finish(&first), []);
}

#[test]
fn members_are_replaced_one_after_the_other() {
    let scene = Scene::new(Kafka::shared(), "rolling");
    let mut members = [scene.settings.start(), scene.settings.start()];
    for _ in 0..2 {
        for member in &mut members {
            wait_busy(member);
            assert_orderly(member);
            member.stop();
            *member = scene.settings.start();
        }
    }
    let [first, second] = members;
    wait_busy(&first);
    wait_busy(&second);
    first.stop();
    assert_eq!(scene.finish(&second), []);
}

#[test]
fn a_static_member_comes_back_to_its_partitions() {
    let mut scene = Scene::new(Kafka::shared(), "static");
    let settings = scene.settings.clone();
    let start = |id: &str| settings.clone().with(&format!("[kafka]\ninstance_id = '{id}'")).start();
    let (stays, mut goes) = (start("pod-0"), start("pod-1"));
    wait_busy(&stays);
    wait_busy(&goes);
    let rebalances = || stays.count("bridge_rebalances_total", &[]);
    let before = rebalances();
    for _ in 0..2 {
        goes.stop();
        goes = start("pod-1");
        wait_busy(&goes);
    }
    assert!(rebalances() == before, "the other member notices nothing");
    // Its partitions wait for it: it brings over what came meanwhile.
    let ends = scene.wait_all();
    goes.stop();
    stays.stop();
    assert_eq!(scene.audit.finish(&ends).duplicates, []);
}

/// As when all pods are deleted: whoever stops second does so while the group rebalances.
#[test]
fn all_members_stop_together() {
    stop_together(Scene::new(Kafka::shared(), "together"), |_| ());
}

/// Three members, four times; each has ended when `look` is shown it.
pub(crate) fn stop_together(scene: Scene, look: impl Fn(&Bridge)) {
    for round in 0..4 {
        let members = [scene.settings.start(), scene.settings.start(), scene.settings.start()];
        for member in &members {
            wait_busy(member);
        }
        for member in &members {
            member.terminate();
            // The last of three rounds out of four come into the rebalance of the first.
            rest(Duration::from_millis(round * 40));
        }
        for member in &members {
            assert_eq!(member.wait_exit(PATIENCE), 0);
            look(member);
        }
    }
    let last = scene.settings.start();
    assert_eq!(scene.finish(&last), []);
}

/// The second, which has no partitions yet, leaves when the first has just asked to join again, and then the first stops.
#[test]
fn a_member_stops_in_the_middle_of_a_rebalance() {
    let scene = Scene::new(Kafka::shared(), "amid");
    for round in 0..6 {
        let first = scene.settings.start();
        wait_busy(&first);
        let second = scene.settings.start();
        first.wait_log(&["partitions revoked"]);
        second.terminate();
        if round % 2 == 0 {
            assert_eq!(second.wait_exit(PATIENCE), 0);
        }
        first.terminate();
        for member in [&first, &second] {
            // Far less than a session: nobody waits for a member that is gone.
            assert_eq!(member.wait_exit(Duration::from_secs(15)), 0);
            assert_eq!(member.logged("the last commit of revoked partitions failed"), 0);
        }
    }
    let last = scene.settings.start();
    assert_eq!(scene.finish(&last), []);
}

#[test]
fn several_shards_are_as_several_members() {
    let scene = Scene::new(Kafka::shared(), "shards").with("[limits]\nshards = 3");
    let first = scene.settings.start();
    wait_busy(&first);
    let second = scene.settings.start();
    wait_busy(&second);
    scene.wait_more(2_000);
    first.stop();
    assert_orderly(&second);
    assert_eq!(scene.finish(&second), []);
}

#[test]
fn a_member_joins_while_the_hub_is_slow() {
    let scene = Scene::new(Kafka::shared(), "slow");
    // What is in flight at a rebalance is there for a while.
    scene.server.faults().hub(HUB).delay_ack(Duration::from_millis(400));
    let first = scene.settings.start();
    wait_busy(&first);
    let second = scene.settings.start();
    wait_busy(&second);
    scene.wait_more(1_000);
    assert_orderly(&second);
    second.stop();
    scene.wait_more(1_000);
    assert_orderly(&first);
    scene.server.faults().clear();
    assert_eq!(scene.finish(&first), []);
}

/// As in a roll-out: the new pod has to be ready before the old one goes, which keeps its partition until then.
#[test]
fn a_member_without_partitions_is_ready_and_takes_over() {
    assert_takes_over("single", |settings| settings);
}

/// Plays that with settings of its own.
pub(crate) fn assert_takes_over(name: &str, with: impl FnOnce(Settings) -> Settings) {
    let kafka = Kafka::shared();
    let (topic, group) = (unique(name), unique("g"));
    let server = Server::builder().hub(HUB, 4).start().unwrap();
    let mut supply = Supply::new(kafka, &topic, 1);
    supply.write(100);
    let audit = Auditor::of(&topic, 1).begin(kafka, &group, &server.hub(HUB));
    let settings = with(Settings::new(kafka, &group, &server).mapping(&topic, HUB));
    let old = settings.start();
    audit.wait_records(100);
    let new = settings.start();
    new.wait_ready(200);
    old.stop();
    supply.write(100);
    audit.wait_records(200);
    new.stop();
    assert_eq!(audit.finish(supply.ends()).duplicates, []);
}

#[test]
fn a_member_joins_while_the_hub_takes_nothing() {
    let scene = Scene::new(Kafka::shared(), "stuck").with("[limits]\ndrain_timeout = '2s'");
    let first = scene.settings.start();
    wait_busy(&first);
    let stuck = scene.server.faults().hub(HUB).released();
    wait_for("batches are released", PATIENCE, || (stuck.fired() > 8).then_some(()));
    let second = scene.settings.start();
    // The drain cannot end well; what was not stored is let go, to be sent by its new owner.
    let let_go = "bridge_records_let_go_total";
    first.wait_metric(let_go, &["reason=\"deadline\""], 1.0);
    stuck.clear();
    wait_busy(&second);
    scene.wait_more(1_000);
    second.stop();
    assert_eq!(scene.finish(&first), [], "what was released had not been stored");
}

/// A member that is frozen, and another that has its partitions since its session is over.
pub(crate) fn overtaken(name: &str, with: &str) -> (Scene, Bridge, Bridge) {
    let scene = Scene::new(Kafka::shared(), name).with(&format!(
        "{with}
        [kafka.client]
        'session.timeout.ms' = 6000
        'heartbeat.interval.ms' = 1000"
    ));
    let frozen = scene.settings.start();
    wait_busy(&frozen);
    frozen.signal(libc::SIGSTOP);
    let next = scene.settings.start();
    // The group gives the partitions away only when the session is over.
    wait_busy(&next);
    scene.wait_more(2_000);
    (scene, frozen, next)
}

#[test]
fn a_member_that_was_frozen_has_lost_its_partitions() {
    let (scene, frozen, next) = overtaken("frozen", "");
    frozen.signal(libc::SIGCONT);
    // It notices, lets everything go without a commit, and joins again like anybody.
    frozen.wait_metric("bridge_rebalances_total", &["kind=\"lost\""], 1.0);
    wait_busy(&frozen);
    scene.wait_more(2_000);
    frozen.stop();
    let duplicates = scene.finish(&next);
    let once = duplicates.windows(2).all(|pair| pair[0] != pair[1]);
    assert!(once, "what was in flight came again, and only once: {duplicates:?}");
}
