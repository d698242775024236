//! Everything at once, at random: members come, go, die and freeze, Kafka and Event Hubs fail, records flow meanwhile.
//!
//! The tests of `promises` show one thing each. This one looks for what happens only when several come together. A seed
//! decides the whole script; an audit runs all the time, and at the end nothing may be missing, nothing out of order
//! and nothing doubled that nobody can explain. Without a word it plays two short scripts; `make soak` plays on for
//! half an hour:
//!
//! | variable | |
//! |---|---|
//! | `SOAK_MINUTES` | one random seed after the other, for so long |
//! | `SOAK_SEED` | this seed, and no other |
//! | `SOAK_ROUNDS` | how long a script is |
//! | `SOAK_KILLS` | each script is so many deaths by SIGKILL |
//! | `SOAK_ONCE` | every mapping is delivered effectively once, and nothing may come twice |

mod crew;
mod fault;
mod play;
mod refused;
mod script;
mod trades;
mod verdict;

use std::time::{Duration, Instant};

use stage::Kafka;

use play::Play;
use script::Script;

/// What CI plays: seed and rounds. The first is orderly, in the second everything happens.
const SHORT: [(u64, usize); 2] = [(2145, 3), (353, 3)];
/// The same, delivered effectively once: the second of them.
const SHORT_ONCE: (u64, usize) = SHORT[1];
/// Rounds of a script, unless said otherwise.
const ROUNDS: usize = 14;

fn number_of(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("`{variable}` is a number, not `{text}`")))
}

/// The seeds to play and their rounds, until there are no more.
fn seeds() -> Box<dyn Iterator<Item = (u64, usize)>> {
    let rounds = number_of("SOAK_ROUNDS").map(|rounds| rounds as usize);
    let long = rounds.unwrap_or(ROUNDS);
    match (number_of("SOAK_SEED"), number_of("SOAK_MINUTES")) {
        (Some(seed), _) => Box::new(std::iter::once((seed, long))),
        (None, Some(minutes)) => {
            let end = Instant::now() + Duration::from_secs(minutes * 60);
            let random = std::iter::repeat_with(move || (u64::from(rand::random::<u32>()), long));
            Box::new(random.take_while(move |_| Instant::now() < end))
        }
        (None, None) => {
            Box::new(SHORT.into_iter().map(move |(seed, short)| (seed, rounds.unwrap_or(short))))
        }
    }
}

#[test]
fn nothing_is_lost_whatever_happens() {
    let kafka = Kafka::start(3);
    let is_asked = std::env::var_os("SOAK_ONCE").is_some();
    let all_short = ["SOAK_SEED", "SOAK_MINUTES"].iter().all(|it| std::env::var_os(it).is_none());
    let scripts = seeds().map(|(seed, rounds)| (seed, rounds, is_asked));
    let short_once = (all_short && !is_asked).then_some((SHORT_ONCE.0, SHORT_ONCE.1, true));
    for (number, (seed, rounds, once)) in (1..).zip(scripts.chain(short_once)) {
        let script = match number_of("SOAK_KILLS") {
            Some(kills) => Script::of_kills(seed, kills as usize),
            None => Script::new(seed, rounds),
        };
        let script = script.delivered(once);
        println!("{number}: seed {seed}, {} rounds ...", script.rounds);
        let began = Instant::now();
        let verdict = Play::perform(&kafka, &script);
        println!("{number}: {:.0?}: {verdict}", began.elapsed());
    }
}

#[test]
fn the_short_scripts_are_worth_their_time() {
    let scripts = SHORT.map(|(seed, rounds)| Script::new(seed, rounds));
    let [orderly, wild] = scripts
        .each_ref()
        .map(|script| script.steps.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    assert!(scripts[0].is_orderly() && !scripts[1].is_orderly());
    for (script, things) in [
        (orderly, ["start member 2", "stop member", "fault 0"]),
        (wild, ["freeze member", "kafka node", "fault 3"]),
    ] {
        for thing in things {
            assert!(script.contains(thing), "no `{thing}` in:\n{script}");
        }
    }
}
