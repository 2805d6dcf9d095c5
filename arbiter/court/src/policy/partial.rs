//! Tables of the policy file that are given in part: they are laid over the defaults, field by field.

use std::collections::BTreeMap;

use proto::id::Role;
use proto::terms::Seat;
use proto::time::Period;
use proto::value::{Kind, Profile, ProfileTerms, Values};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::defaults;

pub(super) fn base<'de, D: Deserializer<'de>>(given: D) -> Result<Values, D::Error> {
    over(&defaults::base(), given)
}

pub(super) fn profiles<'de, D: Deserializer<'de>>(
    given: D,
) -> Result<BTreeMap<Profile, ProfileTerms>, D::Error> {
    over(&defaults::profiles(), given)
}

pub(super) fn seats<'de, D: Deserializer<'de>>(given: D) -> Result<BTreeMap<Role, Seat>, D::Error> {
    over(&defaults::seats(), given)
}

pub(super) fn cool_down<'de, D: Deserializer<'de>>(given: D) -> Result<BTreeMap<Kind, Period>, D::Error> {
    over(&defaults::cool_down(), given)
}

fn over<'de, D: Deserializer<'de>, T: Serialize + DeserializeOwned>(
    defaults: &T,
    given: D,
) -> Result<T, D::Error> {
    let given = Value::deserialize(given)?;
    let mut whole = serde_json::to_value(defaults).map_err(D::Error::custom)?;
    lay(&mut whole, given);
    T::deserialize(whole).map_err(D::Error::custom)
}

fn lay(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                lay(under.entry(key).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}
