//! The error numbers that nf_tables answers with (Linux `asm-generic/errno-base.h`, `errno.h`).

use crate::plan::model::Misfit;

/// Why an operation is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Errno {
    /// `EPERM`: the table has another owner.
    NotPermitted,
    /// `ENOENT`: what is named does not exist.
    NotFound,
    /// `EBUSY`: something refers to it.
    Busy,
    /// `EEXIST`: it exists, or overlaps with what exists.
    Exists,
    /// `EINVAL`: the types do not fit.
    Invalid,
    /// `ENFILE`: the set is full.
    Full,
    /// `EMLINK`: a loop of jumps, or too deep.
    TooDeep,
    /// `EOPNOTSUPP`: not in this chain, or not with this kernel.
    NotSupported,
}

impl Errno {
    pub(super) fn number(self) -> i32 {
        match self {
            Self::NotPermitted => 1,
            Self::NotFound => 2,
            Self::Busy => 16,
            Self::Exists => 17,
            Self::Invalid => 22,
            Self::Full => 23,
            Self::TooDeep => 31,
            Self::NotSupported => 95,
        }
    }
}

impl From<Misfit> for Errno {
    fn from(misfit: Misfit) -> Self {
        match misfit {
            Misfit::Missing => Self::NotFound,
            Misfit::Exists => Self::Exists,
        }
    }
}
