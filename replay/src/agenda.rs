//! Which portfolio's timer is next. Most events put a timer off, so a portfolio is not listed anew each time that its due
//! time moves: it stands under a time that is never later than that, and is looked at when this comes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use proto::id::PortfolioId;
use proto::time::Time;

/// The portfolios whose timers will be due, each under one time at most.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    /// The earliest first. What a portfolio is not listed under any more is passed over when its time comes.
    order: BinaryHeap<Reverse<(Time, PortfolioId)>>,
    /// What each portfolio is listed under, while it is.
    listed: BTreeMap<PortfolioId, Option<Time>>,
}

impl Agenda {
    /// The portfolio's timer is due then; what it is listed under stays where that is no later.
    pub(crate) fn note(&mut self, portfolio: &PortfolioId, due: Option<Time>) {
        let Some(due) = due else { return };
        match self.listed.get_mut(portfolio) {
            Some(Some(listed)) if *listed <= due => return,
            Some(listed) => *listed = Some(due),
            None => {
                self.listed.insert(portfolio.clone(), Some(due));
            }
        }
        self.order.push(Reverse((due, portfolio.clone())));
    }

    /// The timer that is due first, if it is due by then. `due` says when a portfolio's timer is due by now.
    pub(crate) fn next(
        &mut self,
        until: Time,
        due: impl Fn(&PortfolioId) -> Option<Time>,
    ) -> Option<(Time, PortfolioId)> {
        // A portfolio comes up again only under a later time, so this ends.
        while self.order.peek().is_some_and(|Reverse((listed, _))| *listed <= until) {
            let Reverse((listed, portfolio)) = self.order.pop()?;
            let stands = self.listed.get_mut(&portfolio).and_then(|under| under.take_if(|at| *at == listed));
            if stands.is_none() {
                continue;
            }
            let due = due(&portfolio);
            if due == Some(listed) {
                return Some((listed, portfolio));
            }
            self.note(&portfolio, due);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_come_up_by_their_latest_due_time_and_the_earliest_first() {
        let portfolio = |name: &str| name.parse::<PortfolioId>().unwrap();
        let mut dues: BTreeMap<PortfolioId, Time> = BTreeMap::new();
        let mut agenda = Agenda::default();
        for (name, due) in [("a", 10), ("b", 20), ("a", 50), ("c", 40), ("b", 15), ("c", 30)] {
            dues.insert(portfolio(name), Time::from_millis(due));
            agenda.note(&portfolio(name), dues.get(&portfolio(name)).copied());
        }
        let mut next = |until| {
            let (due, name) = agenda.next(Time::from_millis(until), |name| dues.get(name).copied())?;
            dues.remove(&name);
            Some((due.as_millis(), name.to_string()))
        };
        assert_eq!(next(14), None);
        assert_eq!(next(100), Some((15, "b".to_owned())));
        assert_eq!(next(100), Some((30, "c".to_owned())));
        assert_eq!(next(49), None);
        assert_eq!(next(50), Some((50, "a".to_owned())));
        assert_eq!(next(1000), None);
    }
}
