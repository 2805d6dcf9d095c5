//! Plays the day: publishes its beats in time and tells each chapter.

use std::time::Duration;

use anyhow::Result;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

use super::day::{BEAT, Beat, Chapter, DAY, EVENING, WORST_BEFORE};
use super::operator::Operator;
use super::producer::Producer;
use crate::said::Said;

/// How long a beat takes when the day is over: the portfolio goes on, calmly.
const EVENING_BEAT: Duration = Duration::from_secs(5);
/// The portfolio of the demo: the one of snapshots that name none.
const PORTFOLIO: &str = "main";

/// Plays the day to a mesh.
#[derive(Debug)]
pub struct Demo {
    /// Publishes as the backend would.
    pub producer: Producer,
    /// Releases the freeze.
    pub operator: Operator,
    /// Is told what happens, a line at a time.
    pub narration: Sender<Said>,
    /// Ends the play.
    pub stop: CancellationToken,
}

impl Demo {
    /// Plays the day once, or over and over; then keeps a calm pulse until stopped.
    ///
    /// # Errors
    /// Redis or the gateway do not take what is played.
    pub async fn play(mut self, repeat: bool, afterword: String) -> Result<()> {
        let stop = self.stop.clone();
        tokio::select! {
            played = self.days(repeat, afterword) => played,
            () = stop.cancelled() => Ok(()),
        }
    }

    async fn days(&mut self, repeat: bool, afterword: String) -> Result<()> {
        loop {
            let mut worst = WORST_BEFORE;
            for chapter in &DAY {
                self.chapter(chapter, &mut worst).await?;
            }
            if !repeat {
                break;
            }
            self.tell("The day is over; it starts again.").await;
        }
        self.tell(afterword).await;
        self.evening().await
    }

    async fn chapter(&mut self, chapter: &Chapter, worst: &mut f64) -> Result<()> {
        self.tell(chapter.title).await;
        if chapter.release {
            for line in self.operator.release_freeze(PORTFOLIO).await? {
                self.tell(line).await;
            }
        }
        for (number, beat) in chapter.beats.iter().enumerate() {
            self.beat(*beat, chapter.health.payload(), worst).await?;
            if let Some(model) = chapter.models.get(number) {
                self.producer.publish("model.performance_updated", &model.payload()).await?;
            }
            tokio::time::sleep(BEAT).await;
        }
        Ok(())
    }

    async fn beat(&mut self, beat: Beat, health: serde_json::Value, worst: &mut f64) -> Result<()> {
        *worst = worst.max(beat.drawdown_pct);
        self.producer.publish("system.health_updated", &health).await?;
        self.producer.publish("portfolio.snapshot_updated", &beat.payload(*worst)).await
    }

    /// A calm pulse, so that the feeds stay fresh for whoever tries things now.
    async fn evening(&mut self) -> Result<()> {
        let mut worst = 0.12;
        loop {
            self.beat(EVENING, DAY[0].health.payload(), &mut worst).await?;
            tokio::time::sleep(EVENING_BEAT).await;
        }
    }

    async fn tell(&self, line: impl Into<String>) {
        // Nobody listens any more when the launcher is on its way out.
        let _ = self.narration.send(Said::Story(line.into())).await;
    }
}
