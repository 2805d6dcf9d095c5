//! The query of the decisions' list, read and checked: every mistake at once, and nothing ignored.

use std::str::FromStr;

use proto::decision::{Author, DecisionType};

use super::problem::Problem;
use crate::fields::{Fault, Reason};
use crate::view::filter::{Filter, MAX_LIMIT, Order};

/// Reads a filter from the query's names and values.
///
/// # Errors
/// A problem that names everything that is wrong.
pub fn filter(pairs: &[(String, String)]) -> Result<Filter, Problem> {
    let mut filter = Filter::default();
    let mut faults = Vec::new();
    for (name, value) in pairs {
        if let Err(fault) = take(&mut filter, name, value) {
            faults.push(fault);
        }
    }
    if faults.is_empty() { Ok(filter) } else { Err(Problem::of_faults(faults)) }
}

fn take(filter: &mut Filter, name: &str, value: &str) -> Result<(), Fault> {
    match name {
        "type" => filter.kind = Some(decision_type(name, value)?),
        "role" => filter.role = Some(role(name, value)?),
        "portfolio" => filter.portfolio = Some(parsed(name, value, "a portfolio id")?),
        "since" => filter.since = Some(parsed(name, value, "a time such as 2026-01-31T09:30:00Z")?),
        "until" => filter.until = Some(parsed(name, value, "a time such as 2026-01-31T09:30:00Z")?),
        "before" => filter.before = Some(parsed(name, value, "a decision's id")?),
        "order" => filter.order = order(name, value)?,
        "limit" => filter.limit = limit(name, value)?,
        _ => {
            let expected = "one of type, role, portfolio, since, until, before, order, limit";
            return Err(Fault::new(Reason::UnknownField, name, value, expected));
        }
    }
    Ok(())
}

fn parsed<T: FromStr>(name: &str, value: &str, expected: &str) -> Result<T, Fault> {
    value.parse().map_err(|_| Fault::new(Reason::BadText, name, value, expected))
}

fn decision_type(name: &str, value: &str) -> Result<DecisionType, Fault> {
    let found = DecisionType::from_name(&value.to_ascii_uppercase());
    found.ok_or_else(|| {
        let all = DecisionType::ALL.map(DecisionType::as_str).join(", ");
        Fault::new(Reason::BadText, name, value, format!("one of {all}"))
    })
}

fn role(name: &str, value: &str) -> Result<Author, Fault> {
    let role = Author::try_from(value.to_owned());
    role.map_err(|_| Fault::new(Reason::BadText, name, value, "a role's name, or manual"))
}

fn order(name: &str, value: &str) -> Result<Order, Fault> {
    match value {
        "asc" => Ok(Order::Ascending),
        "desc" => Ok(Order::Descending),
        _ => Err(Fault::new(Reason::BadText, name, value, "asc or desc")),
    }
}

fn limit(name: &str, value: &str) -> Result<usize, Fault> {
    let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    let expected = format!("a whole number from 1 to {MAX_LIMIT}");
    limit.ok_or_else(|| Fault::new(Reason::OutOfRange, name, value, expected))
}

#[cfg(test)]
mod tests {
    use proto::id::Role;

    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn filters_are_read() {
        let query = pairs(&[
            ("type", "freeze"),
            ("role", "cro"),
            ("portfolio", "alpha"),
            ("since", "2026-01-31T09:30:00"),
            ("order", "desc"),
            ("limit", "1000"),
        ]);
        let filter = filter(&query).unwrap();
        assert_eq!(filter.kind, Some(DecisionType::Freeze));
        assert_eq!(filter.role, Some(Author::Role(Role::CRO)));
        assert_eq!((filter.order, filter.limit), (Order::Descending, 1000));
        assert_eq!(super::filter(&[]).unwrap(), Filter::default());
    }

    #[test]
    fn every_mistake_is_named() {
        let query = pairs(&[
            ("type", "STOP"),
            ("role", "Chief"),
            ("portfolio", "a.b"),
            ("since", "today"),
            ("before", "7"),
            ("order", "up"),
            ("limit", "0"),
            ("page", "2"),
        ]);
        let problem = filter(&query).unwrap_err();
        assert_eq!(problem.status().as_u16(), 422);
        assert_eq!(format!("{problem:?}").matches("Mistake {").count(), 8);
        for limit in ["1001", "-1", "x", ""] {
            assert!(filter(&pairs(&[("limit", limit)])).is_err(), "{limit}");
        }
    }
}
