//! Networks of two to seven instances that lose, double, delay, alter and part (SEMANTICS T3). A failure names its seed.

use dm_collab::exchange::select;
use dm_sim::agreement::anyone;
use dm_sim::cluster::{Manners, Mishaps};
use dm_sim::{SimCluster, cases};

/// One cluster from its first write to the day when all hold the same.
fn run(seed: u64, manners: Manners) -> SimCluster {
    let mut cluster = SimCluster::new(seed, manners);
    let outcome = cluster.run().and_then(|()| cluster.heal());
    assert!(outcome.is_ok(), "seed {seed}, {manners:?}: {}", outcome.unwrap_err());
    cluster
}

fn seeds(quick: u32) -> std::ops::Range<u64> {
    0..u64::from(cases(quick))
}

#[test]
fn nothing_is_lost_on_a_bad_network() {
    for seed in seeds(6) {
        run(seed, Manners::Any);
    }
}

#[test]
fn after_a_bad_network_all_list_the_same_conflicts_and_without_any_have_the_same_code() {
    for seed in seeds(6) {
        let cluster = run(seed, Manners::Good);
        let conflicts = cluster.conflicts();
        assert!(conflicts.iter().all(|one| *one == conflicts[0]), "seed {seed}: {conflicts:#?}");
        for person in &cluster.world.people {
            let selection = select(&person.memory, &anyone).unwrap();
            assert_eq!(selection.apply, [], "seed {seed}");
            if conflicts[0].is_empty() {
                assert_eq!(selection.held, [], "seed {seed}");
                let first = &cluster.world.people[0].memory;
                assert_eq!(person.memory.fingerprint, first.fingerprint, "seed {seed}");
                assert_eq!(person.memory.entities, first.entities, "seed {seed}");
            }
        }
    }
}

#[test]
fn one_seed_is_one_story() {
    let (one, other) = (run(7, Manners::Any), run(7, Manners::Any));
    assert_eq!(one.mishaps, other.mishaps);
    assert!(one.world.people.iter().zip(&other.world.people).all(|(one, other)| one.memory == other.memory));
}

#[test]
fn the_network_is_bad_in_every_way() {
    let mut all = Mishaps::default();
    for seed in 0..14 {
        let mishaps = run(seed, Manners::Good).mishaps;
        all.finished += mishaps.finished;
        all.lost += mishaps.lost;
        all.doubled += mishaps.doubled;
        all.late += mishaps.late;
        all.altered += mishaps.altered;
        all.refused += mishaps.refused;
        all.forgotten += mishaps.forgotten;
        all.parted += mishaps.parted;
    }
    let counts = [all.finished, all.lost, all.doubled, all.late, all.altered, all.refused, all.forgotten, all.parted];
    assert!(counts.iter().all(|count| *count > 0), "{all:?}");
}
