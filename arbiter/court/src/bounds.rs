//! The bounds of values: what no role, no operator and no policy may ask for.

use proto::number::{Fraction, Ratio, Usd};
use proto::value::{Allocation, EssThresholds, Limits, Universe, Value, add_up_to_one};

/// What is wrong with a value in itself.
pub(crate) fn check_value(value: &Value) -> Result<(), String> {
    match value {
        Value::Mode(_) | Value::Profile(_) => Ok(()),
        Value::Limits(limits) => check_limits(limits),
        Value::Ess(ess) => check_ess(ess),
        Value::Symbols(universe) => check_symbols(universe),
        Value::Cashflow(cashflow) => check_sum("cashflow", &cashflow.shares()),
        Value::Allocation(allocation) => check_allocation(allocation),
    }
}

fn check_limits(limits: &Limits) -> Result<(), String> {
    expect(limits.max_leverage > Ratio::ZERO, || format!("max_leverage {}", limits.max_leverage))?;
    let size = limits.max_position_size_usd;
    expect(size >= Usd::ZERO, || format!("max_position_size_usd {size}"))?;
    check_share("max_drawdown_pct", limits.max_drawdown_pct)?;
    check_share("max_exposure_pct", limits.max_exposure_pct)?;
    let stop = limits.stop_loss_multiplier;
    expect(stop > Ratio::ZERO, || format!("stop_loss_multiplier {stop}"))
}

fn check_ess(ess: &EssThresholds) -> Result<(), String> {
    let (caution, warning, critical) =
        (ess.caution_threshold_pct, ess.warning_threshold_pct, ess.critical_threshold_pct);
    check_share("caution_threshold_pct", caution)?;
    check_share("critical_threshold_pct", critical)?;
    let rising = caution < warning && warning < critical;
    expect(rising, || format!("thresholds {caution}, {warning}, {critical} do not rise"))
}

fn check_symbols(universe: &Universe) -> Result<(), String> {
    let symbols = || universe.active_symbols.iter().chain(&universe.excluded_symbols);
    for (place, symbol) in symbols().enumerate() {
        expect(!symbol.is_empty(), || "a symbol without a name".to_owned())?;
        expect(symbols().take(place).all(|before| before != symbol), || format!("symbol {symbol:?} twice"))?;
    }
    Ok(())
}

fn check_allocation(allocation: &Allocation) -> Result<(), String> {
    let shares: Vec<Fraction> = allocation.model_weights.values().copied().collect();
    // No weights at all is where a portfolio begins.
    if *allocation == Allocation::default() { Ok(()) } else { check_sum("model weights", &shares) }
}

fn check_sum(what: &str, shares: &[Fraction]) -> Result<(), String> {
    shares.iter().try_for_each(|share| check_share(what, *share))?;
    expect(add_up_to_one(shares), || {
        let sum: f64 = shares.iter().map(|share| share.get()).sum();
        format!("{what} add up to {sum}, not to 1")
    })
}

fn check_share(what: &str, share: Fraction) -> Result<(), String> {
    let whole = Fraction::lit(1.0);
    expect(share >= Fraction::ZERO && share <= whole, || format!("{what} {} is not in [0, 1]", share.get()))
}

/// An error unless `holds`.
pub(crate) fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
