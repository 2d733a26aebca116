//! The words for where things stand: codes that the API carries and the interface puts into
//! sentences.

/// Where an item or a space is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// On this device alone.
    OnlyHere,
    /// On some of the person's devices.
    Partly,
    /// On all of them.
    Everywhere,
    /// On its way, or about to be: [`Waiting`] says for what.
    Waiting,
    /// A device that lacks it refuses to talk to this one.
    Refused,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::OnlyHere, Self::Partly, Self::Everywhere, Self::Waiting, Self::Refused];

    /// On so many devices, this one among them, of so many.
    #[must_use]
    pub const fn of(have: usize, of: usize) -> Self {
        match have {
            _ if of < 2 => Self::OnlyHere,
            have if have >= of => Self::Everywhere,
            0 | 1 => Self::OnlyHere,
            _ => Self::Partly,
        }
    }

    /// As the API carries it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::OnlyHere => "only-here",
            Self::Partly => "partly",
            Self::Everywhere => "everywhere",
            Self::Waiting => "waiting",
            Self::Refused => "refused",
        }
    }
}

/// What is waited for, with one device or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// This device is paused.
    Paused,
    /// This device's bytes of the day are used up.
    BudgetUsed,
    /// The rest of this device's bytes of the day is kept for what was written.
    BudgetLow,
    /// No other device is connected.
    NobodyThere,
    /// None of the connected devices has it.
    Elsewhere,
    /// Who has it gives no attachments now.
    Withheld,
    /// This device fetches what damage took, and says nothing until it has it.
    Healing,
    /// The two were never connected.
    NeverMet,
    /// The other device is paused.
    PeerPaused,
    /// The other device's bytes of the day are used up.
    PeerBudgetUsed,
    /// One of the two refuses to talk.
    Refused,
    /// The other device has something that is not here yet.
    ToArrive,
    /// A part of an attachment is not here yet.
    Attachment,
    /// The other device lacks a part of an attachment that it fetches by itself.
    AttachmentThere,
    /// The two are connected, and changes are on their way.
    UnderWay,
    /// The other device cannot be reached.
    OutOfReach,
}

impl Waiting {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Paused,
        Self::BudgetUsed,
        Self::BudgetLow,
        Self::NobodyThere,
        Self::Elsewhere,
        Self::Withheld,
        Self::Healing,
        Self::NeverMet,
        Self::PeerPaused,
        Self::PeerBudgetUsed,
        Self::Refused,
        Self::ToArrive,
        Self::Attachment,
        Self::AttachmentThere,
        Self::UnderWay,
        Self::OutOfReach,
    ];

    /// As the API carries it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::BudgetUsed => "budget-used",
            Self::BudgetLow => "budget-low",
            Self::NobodyThere => "nobody-there",
            Self::Elsewhere => "elsewhere",
            Self::Withheld => "withheld",
            Self::Healing => "healing",
            Self::NeverMet => "never-met",
            Self::PeerPaused => "peer-paused",
            Self::PeerBudgetUsed => "peer-budget-used",
            Self::Refused => "refused",
            Self::ToArrive => "to-arrive",
            Self::Attachment => "attachment",
            Self::AttachmentThere => "attachment-there",
            Self::UnderWay => "under-way",
            Self::OutOfReach => "out-of-reach",
        }
    }
}

/// What `status --wait` waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// Everything here was acknowledged by every device, and nothing is known to be missing here.
    /// Attachments count as far as they come by themselves, here and there, and here also those that
    /// were asked for.
    Synced,
    /// Nothing is known to be missing here. Attachments count as above.
    Here,
}

impl Goal {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Synced, Self::Here];

    /// As the API carries it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Synced => "synced",
            Self::Here => "here",
        }
    }

    /// The goal of this name.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|goal| goal.code() == code)
    }
}
