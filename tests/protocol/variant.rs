//! The protocol as it is, and the ways in which it could be broken.

use proto::chain::Chain;

use crate::world::Ruling;

/// The protocol, or one of its broken brothers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    /// As it is.
    Sound,
    /// Every stored ruling counts.
    NoFold,
    /// The fold looks at the version alone.
    HashUnchecked,
    /// A ruling says that everything up to its own event is through.
    HighestIsThrough,
    /// What was not acknowledged is taken as lost, and ruled anew.
    UnclearIsLost,
    /// Who finds another's ruling does not look whether its decisions are out.
    OthersKeepSilent,
    /// A ledger does not know an event that comes again.
    Forgetful,
    /// Emit keeps its position in memory.
    PositionInMemory,
    /// Emit writes its position after the decisions, and not with them.
    DecisionsFirst,
    /// Emit writes its position before the decisions, and not with them.
    PositionFirst,
}

impl Variant {
    /// Takes the next ruling of the log: true when it counts.
    pub(crate) fn fold(self, chain: &mut Chain, ruling: &Ruling) -> bool {
        let Ruling { version, previous, hash, .. } = *ruling;
        match self {
            Self::NoFold => {
                *chain = Chain { version, hash };
                true
            }
            Self::HashUnchecked => chain.fold(version, chain.hash, hash),
            Self::Sound
            | Self::HighestIsThrough
            | Self::UnclearIsLost
            | Self::OthersKeepSilent
            | Self::Forgetful
            | Self::PositionInMemory
            | Self::DecisionsFirst
            | Self::PositionFirst => chain.fold(version, previous, hash),
        }
    }
}
