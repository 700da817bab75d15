//! What a condition says of a login: it holds, it does not, or that cannot be told.

/// The value of a condition. Three of them are Kleene's; [`Truth::Pending`] is the fourth, for what will be known in
/// a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Truth {
    /// It does not hold.
    No,
    /// It holds.
    Yes,
    /// What it looks at cannot be known of this login.
    Unknown,
    /// What it looks at is not known yet: nobody was asked.
    Pending,
}

impl Truth {
    /// `Yes` or `No`.
    #[must_use]
    pub const fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    /// Both hold. One that does not is enough for `No`, whatever the other is.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Pending, _) | (_, Self::Pending) => Self::Pending,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }

    /// One of them holds. One that does is enough for `Yes`, whatever the other is.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    /// The opposite; what cannot be told stays so.
    #[must_use]
    #[allow(clippy::should_implement_trait, reason = "a const fn beside `and` and `or`, which have no trait")]
    pub const fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Yes => Self::No,
            Self::Unknown => Self::Unknown,
            Self::Pending => Self::Pending,
        }
    }
}

/// Something that a condition looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Input<T> {
    /// This is it.
    Known(T),
    /// It cannot be known of this login.
    #[default]
    Unknown,
    /// It is not known yet.
    Pending,
}

impl<T> Input<T> {
    /// The same by reference.
    #[must_use]
    pub const fn as_ref(&self) -> Input<&T> {
        match self {
            Self::Known(value) => Input::Known(value),
            Self::Unknown => Input::Unknown,
            Self::Pending => Input::Pending,
        }
    }

    /// What `judge` says of a known value.
    pub fn judged(self, judge: impl FnOnce(T) -> bool) -> Truth {
        self.told(|value| Truth::of(judge(value)))
    }

    /// The same, where even a known value may not be enough.
    pub fn told(self, judge: impl FnOnce(T) -> Truth) -> Truth {
        match self {
            Self::Known(value) => judge(value),
            Self::Unknown => Truth::Unknown,
            Self::Pending => Truth::Pending,
        }
    }

    /// The value, if it is known.
    #[must_use]
    pub fn known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown | Self::Pending => None,
        }
    }
}

impl<T> From<Option<T>> for Input<T> {
    /// Nothing is unknown, not pending.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Unknown, Self::Known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Truth; 4] = [Truth::No, Truth::Yes, Truth::Unknown, Truth::Pending];

    #[test]
    fn neither_order_nor_grouping_matters() {
        for a in ALL {
            for b in ALL {
                assert_eq!(a.and(b), b.and(a));
                assert_eq!(a.or(b), b.or(a));
                for c in ALL {
                    assert_eq!(a.and(b).and(c), a.and(b.and(c)));
                    assert_eq!(a.or(b).or(c), a.or(b.or(c)));
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_told_decides_nothing_by_itself() {
        assert_eq!(Truth::Unknown.and(Truth::No), Truth::No);
        assert_eq!(Truth::Unknown.or(Truth::Yes), Truth::Yes);
        assert_eq!(Truth::Unknown.and(Truth::Yes), Truth::Unknown);
        assert_eq!(Truth::Unknown.or(Truth::No), Truth::Unknown);
        assert_eq!(Truth::Pending.and(Truth::Unknown), Truth::Pending, "it may become a no");
        assert_eq!(Truth::Pending.or(Truth::Unknown), Truth::Pending, "it may become a yes");
    }
}
