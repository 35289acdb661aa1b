//! Lists of every variant of an enum.

/// Gives an enum the list of its variants, and does not compile once one is missing.
macro_rules! every {
    ($visibility:vis $enum:ident { $($variant:ident)* }) => {
        impl $enum {
            /// Every variant.
            $visibility const ALL: &[Self] = &[$(Self::$variant),*];
        }
        const _: fn($enum) = |variant| match variant { $($enum::$variant)|* => () };
    };
}
pub(crate) use every;
