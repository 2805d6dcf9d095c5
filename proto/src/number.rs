//! Numbers that are always finite, so that a rule never meets NaN and every comparison is total.

use std::cmp::Ordering;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A number that is NaN or infinite where a finite one is needed.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is not a finite number")]
pub struct NotFinite(pub f64);

macro_rules! finite {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "f64", into = "f64")]
        #[schemars(with = "f64")]
        pub struct $name(f64);

        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(0.0);

            /// A constant from the source. A value that is not finite does not compile in a `const`.
            pub const fn lit(value: f64) -> Self {
                assert!(value.is_finite(), "a literal must be finite");
                Self(value + 0.0)
            }

            /// Takes any finite number.
            ///
            /// # Errors
            /// NaN and the infinities are refused.
            pub fn new(value: f64) -> Result<Self, NotFinite> {
                // Adding zero turns -0.0 into 0.0: one value, one text.
                if value.is_finite() { Ok(Self(value + 0.0)) } else { Err(NotFinite(value)) }
            }

            /// The number itself.
            pub const fn get(self) -> f64 {
                self.0
            }

            /// This times `factor`; a product beyond the range stays at the range's end.
            #[must_use]
            pub fn times(self, factor: f64) -> Self {
                Self::clamped(self.0 * factor)
            }

            /// This plus `other`; a sum beyond the range stays at the range's end.
            #[must_use]
            pub fn plus(self, other: Self) -> Self {
                Self::clamped(self.0 + other.0)
            }

            /// This minus `other`; a difference beyond the range stays at the range's end.
            #[must_use]
            pub fn minus(self, other: Self) -> Self {
                Self::clamped(self.0 - other.0)
            }

            /// The nearest hundredth: what repeated steps come to reads as people write it.
            #[must_use]
            pub fn to_hundredths(self) -> Self {
                let rounded = (self.0 * 100.0).round() / 100.0;
                // Beyond this a number has no hundredths, and times 100 could leave the range.
                if self.0.abs() < 1e13 { Self::clamped(rounded) } else { self }
            }

            fn clamped(value: f64) -> Self {
                if value.is_nan() { Self::ZERO } else { Self(value.clamp(f64::MIN, f64::MAX) + 0.0) }
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                // Both are finite, and zero has one form: what is equal is the same bits.
                self.0.to_bits() == other.0.to_bits()
            }
        }
        impl Eq for $name {}
        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }
        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                // Both are finite, and zero has one form: whatever is neither less nor more is the same.
                if self.0 < other.0 {
                    Ordering::Less
                } else if self.0 > other.0 {
                    Ordering::Greater
                } else {
                    Ordering::Equal
                }
            }
        }
        impl TryFrom<f64> for $name {
            type Error = NotFinite;
            fn try_from(value: f64) -> Result<Self, NotFinite> {
                Self::new(value)
            }
        }
        impl From<$name> for f64 {
            fn from(value: $name) -> f64 {
                value.0
            }
        }
    };
}

finite! {
    /// A share of one: 0.05 is 5 %.
    Fraction
}
finite! {
    /// US dollars.
    Usd
}
finite! {
    /// A plain number: leverage, a multiplier, a Sharpe ratio.
    Ratio
}

impl Usd {
    /// This as a share of `whole`; none when the whole is not positive, which is no share of anything.
    pub fn share_of(self, whole: Usd) -> Option<Fraction> {
        if whole > Usd::ZERO { Fraction::new(self.get() / whole.get()).ok() } else { None }
    }
}

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", trimmed(self.0 * 100.0))
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} USD", trimmed(self.0))
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&trimmed(self.0))
    }
}

/// Two decimals at the most, none where they are zero: for people, never for computing.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_finite_numbers_exist() {
        assert!(Fraction::new(f64::NAN).is_err());
        assert!(Usd::new(f64::INFINITY).is_err());
        assert!(serde_json::from_str::<Ratio>("1e999").is_err());
    }

    #[test]
    fn minus_zero_is_zero() {
        assert_eq!(serde_json::to_string(&Usd::new(-0.0).unwrap()).unwrap(), "0.0");
        assert_eq!(Usd::ZERO.times(-1.0), Usd::ZERO);
    }

    #[test]
    fn steps_come_to_numbers_that_people_write() {
        assert_eq!(Ratio::lit(7.2).times(1.2).to_hundredths(), Ratio::lit(8.64));
        assert_eq!(Usd::lit(f64::MAX).to_hundredths(), Usd::lit(f64::MAX));
    }

    #[test]
    fn people_read_percent_and_dollars() {
        assert_eq!(Fraction::lit(0.125).to_string(), "12.5 %");
        assert_eq!(Usd::lit(3000.0).to_string(), "3000 USD");
        assert_eq!(Ratio::lit(1.3).to_string(), "1.3");
    }

    #[test]
    fn a_share_needs_a_positive_whole() {
        assert_eq!(Usd::lit(5.0).share_of(Usd::lit(100.0)), Some(Fraction::lit(0.05)));
        assert_eq!(Usd::lit(5.0).share_of(Usd::ZERO), None);
    }
}
