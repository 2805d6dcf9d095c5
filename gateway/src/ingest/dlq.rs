//! The backend's own dead-letter streams: beside DEAD, a letter stands where backend developers look.

use anyhow::Context;
use proto::letter::{Letter, RawValue};
use redis::Script;
use redis::aio::MultiplexedConnection;

use crate::keys::Keys;

/// About how many letters each stream keeps.
const MAX_LETTERS: usize = 10_000;

/// Writes letters.
pub struct DeadLetters {
    keys: Keys,
    script: Script,
    connection: MultiplexedConnection,
}

impl DeadLetters {
    /// Over a connection.
    pub fn new(keys: Keys, connection: MultiplexedConnection) -> Self {
        Self { keys, script: Script::new(include_str!("dlq.lua")), connection }
    }

    /// Writes a letter, unless it stands there already. Letters of a stream have to come in order.
    ///
    /// # Errors
    /// Redis did not take it.
    pub async fn write(&mut self, letter: &Letter) -> anyhow::Result<()> {
        let mistakes = serde_json::to_string(&letter.mistakes).context("mistakes have no JSON form")?;
        let mut call = self.script.prepare_invoke();
        call.key(self.keys.dead_letter_positions()).key(self.keys.dead_letters(&letter.event_type));
        call.arg(&letter.stream).arg(letter.entry.to_string()).arg(MAX_LETTERS);
        call.arg("dlq_reason").arg(&letter.reason).arg("dlq_mistakes").arg(mistakes);
        call.arg("dlq_stream").arg(&letter.stream).arg("dlq_entry").arg(letter.entry.to_string());
        for field in &letter.fields {
            match &field.value {
                RawValue::Text(text) => call.arg(&field.name).arg(text),
                RawValue::Base64(base64) => call.arg(format!("{}_base64", field.name)).arg(base64),
            };
        }
        let _written: u8 =
            call.invoke_async(&mut self.connection).await.context("cannot write a dead letter")?;
        Ok(())
    }
}
