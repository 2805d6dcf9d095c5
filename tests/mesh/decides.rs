//! One bad snapshot gives each decision once; a hundred more like it give none.

use std::collections::BTreeMap;

use anyhow::Result;
use local::Mesh;
use proto::decision::{DecisionType, Payload};
use proto::value::Profile;

use crate::oracle;
use crate::support::{World, snapshot, snapshot_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_twelve_percent_drawdown_is_decided_once() -> Result<()> {
    let mut world = World::start(Mesh::builder()).await?;
    world.publish("portfolio.snapshot_updated", &snapshot(0.12)).await?;
    let told = world.told_at_least(7).await?;

    let mut counts: BTreeMap<DecisionType, usize> = BTreeMap::new();
    for told in &told {
        *counts.entry(told.decision.decision_type()).or_default() += 1;
    }
    let expected = [
        DecisionType::Freeze,
        DecisionType::RiskAdjustment,
        DecisionType::CapitalProfile,
        DecisionType::SymbolUniverse,
        DecisionType::Cashflow,
        DecisionType::EssPolicy,
        DecisionType::ResearchTask,
    ];
    assert_eq!(counts, expected.into_iter().map(|decision_type| (decision_type, 1)).collect());
    for told in &told {
        match &told.decision.payload {
            Payload::Freeze { duration_minutes, requires_manual_review, .. } => {
                assert_eq!((*duration_minutes, *requires_manual_review), (120, true));
            }
            Payload::CapitalProfile { profile, max_positions, .. } => {
                assert_eq!((*profile, *max_positions), (Profile::Micro, 2));
            }
            Payload::SymbolUniverse { active_symbols, .. } => assert_eq!(active_symbols.len(), 3),
            Payload::RiskAdjustment { .. }
            | Payload::Override { .. }
            | Payload::ModeChange { .. }
            | Payload::EssPolicy { .. }
            | Payload::StrategyAllocation { .. }
            | Payload::Cashflow { .. }
            | Payload::ResearchTask(_) => {}
        }
        assert_eq!(told.fields["event_type"], "ai.federation.decision_made");
        assert_eq!(told.fields["trace_id"], told.decision.trace_id.to_string());
        assert_eq!(told.fields["correlation_id"], "test");
    }
    let limits = told.iter().find(|told| told.decision.decision_type() == DecisionType::RiskAdjustment);
    let payload: serde_json::Value = serde_json::from_str(&limits.unwrap().fields["payload"])?;
    assert_eq!(payload["data"]["payload"].as_object().unwrap().len(), 5, "all five limits: {payload}");

    let mut entry = String::new();
    for _ in 0..100 {
        entry = world.publish("portfolio.snapshot_updated", &snapshot(0.12)).await?;
    }
    world.ruled("main", "portfolio.snapshot_updated", &entry).await?;
    assert_eq!(world.told().await?.len(), 7, "equal snapshots decide nothing more");
    oracle::check(&world, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn portfolios_are_governed_apart_and_health_concerns_them_all() -> Result<()> {
    let mut world = World::start(Mesh::builder()).await?;
    for portfolio in ["alpha", "beta", "gamma"] {
        let entry = world.publish("portfolio.snapshot_updated", &snapshot_of(portfolio, 0.01)).await?;
        world.ruled(portfolio, "portfolio.snapshot_updated", &entry).await?;
    }
    let entry = world.publish("portfolio.snapshot_updated", &snapshot_of("beta", 0.12)).await?;
    world.ruled("beta", "portfolio.snapshot_updated", &entry).await?;
    let told = world.told_at_least(7).await?;
    assert!(told.iter().all(|told| told.decision.portfolio.as_str() == "beta"));

    let health = crate::support::health("DEGRADED", "NOMINAL");
    let entry = world.publish("system.health_updated", &health).await?;
    for portfolio in ["alpha", "beta", "gamma"] {
        let ledger = world.ruled(portfolio, "system.health_updated", &entry).await?;
        assert_eq!(ledger["effective"]["mode"], "SHADOW", "{portfolio}");
    }
    oracle::check(&world, None).await
}
