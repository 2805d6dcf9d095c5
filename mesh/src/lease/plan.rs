//! The planner: who should hold which lease. Pure, so that replicas that see the same plan the same.

use std::collections::{BTreeMap, BTreeSet};

use super::{Lease, Replica};

/// What a replica sees of the leases of its group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight<'a> {
    /// Who looks; it counts as alive.
    pub(super) me: &'a Replica,
    /// Everything there is to hold.
    pub(super) leases: &'a BTreeSet<Lease>,
    /// Who is alive.
    pub(super) alive: &'a BTreeSet<Replica>,
    /// Who holds what now. Those who are not alive hold until their time is over.
    pub(super) held: &'a BTreeMap<Lease, Replica>,
}

/// What a replica should do about its share.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Plan {
    /// Free, and in its share.
    pub(super) take: BTreeSet<Lease>,
    /// Held by it, and in the share of another.
    pub(super) give_up: BTreeSet<Lease>,
}

/// What `me` should do. Shares differ by at most one, and as few leases as possible change hands.
pub(super) fn plan(sight: Sight<'_>) -> Plan {
    let Sight { me, held, .. } = sight;
    let share = shares(sight).remove(me).unwrap_or_default();
    let mine = held.iter().filter(|(_, holder)| *holder == me).map(|(lease, _)| lease);
    Plan {
        give_up: mine.filter(|lease| !share.contains(*lease)).cloned().collect(),
        take: share.into_iter().filter(|lease| !held.contains_key(lease)).collect(),
    }
}

/// The share of everybody who is alive: what it holds, up to its quota, and then of what is left over.
fn shares(sight: Sight<'_>) -> BTreeMap<Replica, BTreeSet<Lease>> {
    let mut shares: BTreeMap<Replica, BTreeSet<Lease>> =
        sight.alive.iter().chain([sight.me]).map(|replica| (replica.clone(), BTreeSet::new())).collect();
    let mut left_over = BTreeSet::new();
    for lease in sight.leases {
        match sight.held.get(lease).and_then(|holder| shares.get_mut(holder)) {
            Some(share) => share.insert(lease.clone()),
            None => left_over.insert(lease.clone()),
        };
    }
    let quotas = quotas(&shares, sight.leases.len());
    for (replica, share) in &mut shares {
        while share.len() > quotas.get(replica).copied().unwrap_or_default() {
            left_over.extend(share.pop_last());
        }
    }
    for (replica, share) in &mut shares {
        while share.len() < quotas.get(replica).copied().unwrap_or_default() {
            let Some(lease) = left_over.pop_first() else { break };
            share.insert(lease);
        }
    }
    shares
}

/// How many leases each should hold. Where the number cannot be divided, those who hold most hold one more: so nothing
/// moves that need not.
fn quotas(shares: &BTreeMap<Replica, BTreeSet<Lease>>, leases: usize) -> BTreeMap<Replica, usize> {
    let mut by_share: Vec<(&Replica, usize)> =
        shares.iter().map(|(replica, share)| (replica, share.len())).collect();
    // Stable: equals stay in the order of their names.
    by_share.sort_by_key(|(_, share)| std::cmp::Reverse(*share));
    let (each, one_more) = (leases / by_share.len(), leases % by_share.len());
    let quota = |index: usize| each + usize::from(index < one_more);
    by_share.into_iter().enumerate().map(|(index, (replica, _))| (replica.clone(), quota(index))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn replica(index: usize) -> Replica {
        Replica::named(&format!("r{index}"))
    }

    fn leases(count: usize) -> BTreeSet<Lease> {
        (0..count).map(|index| Lease::named(&format!("slot-{index:02}"))).collect()
    }

    /// Everybody plans once, in this order, and does what it planned; how many leases were given up.
    fn round(
        order: &[Replica],
        leases: &BTreeSet<Lease>,
        alive: &BTreeSet<Replica>,
        held: &mut BTreeMap<Lease, Replica>,
    ) -> usize {
        let mut moves = 0;
        for me in order {
            let plan = plan(Sight { me, leases, alive, held });
            moves += plan.give_up.len();
            held.retain(|lease, _| !plan.give_up.contains(lease));
            for lease in plan.take {
                assert_eq!(held.insert(lease, me.clone()), None, "only what is free is taken");
            }
        }
        moves
    }

    fn counts(alive: &BTreeSet<Replica>, held: &BTreeMap<Lease, Replica>) -> Vec<usize> {
        alive.iter().map(|replica| held.values().filter(|holder| *holder == replica).count()).collect()
    }

    fn is_even(counts: &[usize]) -> bool {
        counts.iter().max().zip(counts.iter().min()).is_none_or(|(most, least)| most - least <= 1)
    }

    /// The fewest leases that must change hands among the living before shares are even.
    fn fewest_moves(leases: usize, counts: &[usize]) -> usize {
        let (each, one_more) = (leases / counts.len(), leases % counts.len());
        let mut counts = counts.to_vec();
        counts.sort_by_key(|count| std::cmp::Reverse(*count));
        let quota = |index| each + usize::from(index < one_more);
        counts.iter().enumerate().map(|(index, count)| count.saturating_sub(quota(index))).sum()
    }

    #[test]
    fn the_first_takes_everything_and_a_second_gets_half() {
        let (leases, mut held) = (leases(8), BTreeMap::new());
        let [first, second] = [replica(1), replica(2)];
        let mut alive = BTreeSet::from([first.clone()]);
        round(std::slice::from_ref(&first), &leases, &alive, &mut held);
        assert_eq!(counts(&alive, &held), [8]);
        alive.insert(second.clone());
        assert_eq!(plan(Sight { me: &second, leases: &leases, alive: &alive, held: &held }), Plan::default());
        assert_eq!(round(&[first.clone(), second.clone()], &leases, &alive, &mut held), 4);
        assert_eq!(counts(&alive, &held), [4, 4]);
        assert_eq!(round(&[second, first], &leases, &alive, &mut held), 0, "it stays so");
    }

    #[test]
    fn more_replicas_than_leases_leave_some_idle() {
        let (leases, mut held) = (leases(2), BTreeMap::new());
        let order: Vec<Replica> = (0..4).map(replica).collect();
        let alive: BTreeSet<Replica> = order.iter().cloned().collect();
        round(&order, &leases, &alive, &mut held);
        assert_eq!(counts(&alive, &held), [1, 1, 0, 0]);
    }

    #[test]
    fn what_the_dead_hold_is_nobodys_until_it_is_free() {
        let leases = leases(2);
        let me = replica(0);
        let mut held = BTreeMap::from_iter(leases.iter().cloned().map(|lease| (lease, replica(9))));
        let none = BTreeSet::new();
        assert_eq!(plan(Sight { me: &me, leases: &leases, alive: &none, held: &held }), Plan::default());
        held.pop_first();
        assert_eq!(plan(Sight { me: &me, leases: &leases, alive: &none, held: &held }).take.len(), 1);
    }

    prop_compose! {
        fn worlds()(count in 0_usize..20, living in 1_usize..7)(
            holders in prop::collection::vec(prop::option::of(0..living + 2), count),
            order in Just((0..living).collect::<Vec<usize>>()).prop_shuffle(),
        ) -> (Vec<Option<usize>>, Vec<usize>) {
            (holders, order)
        }
    }

    proptest! {
        #[test]
        fn shares_become_even_with_as_few_moves_as_possible_and_then_rest((holders, order) in worlds()) {
            let leases = leases(holders.len());
            let order: Vec<Replica> = order.into_iter().map(replica).collect();
            let alive: BTreeSet<Replica> = order.iter().cloned().collect();
            let holders = holders.iter().map(|holder| holder.map(replica));
            let mut held: BTreeMap<Lease, Replica> =
                leases.iter().cloned().zip(holders).filter_map(|(lease, holder)| Some((lease, holder?))).collect();
            let fewest = fewest_moves(leases.len(), &counts(&alive, &held));
            let moves: usize = (0..3).map(|_| round(&order, &leases, &alive, &mut held)).sum();
            held.retain(|_, holder| alive.contains(holder));
            let later: usize = (0..2).map(|_| round(&order, &leases, &alive, &mut held)).sum();
            prop_assert_eq!((moves, later), (fewest, 0), "the end of the dead moves nothing among the living");
            prop_assert_eq!(held.len(), leases.len(), "everything is held");
            prop_assert!(is_even(&counts(&alive, &held)), "{held:?}");
            prop_assert_eq!(round(&order, &leases, &alive, &mut held), 0, "it stays so");
        }

        #[test]
        fn a_death_moves_only_what_the_dead_held(count in 1_usize..20, living in 2_usize..7, dead in 0_usize..7) {
            let (leases, mut held) = (leases(count), BTreeMap::new());
            let mut order: Vec<Replica> = (0..living).map(replica).collect();
            let mut alive: BTreeSet<Replica> = order.iter().cloned().collect();
            round(&order, &leases, &alive, &mut held);
            let dead = order.remove(dead % living);
            alive.remove(&dead);
            held.retain(|_, holder| *holder != dead);
            prop_assert_eq!(round(&order, &leases, &alive, &mut held), 0);
            prop_assert!(is_even(&counts(&alive, &held)), "{held:?}");
        }
    }
}
