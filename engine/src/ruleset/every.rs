//! Lists of every variant of an enum.

/// Gives an enum the list of its variants, and does not compile once one is missing. One that holds a variant of another enum
/// is written with each of those.
macro_rules! every {
    ($visibility:vis $enum:ident { $($variant:ident $(($inner:ident::$of:ident))?)* }) => {
        impl $enum {
            /// Every variant.
            $visibility const ALL: &[Self] = &[$(Self::$variant $(($inner::$of))?),*];
        }
        const _: fn($enum) = |variant| match variant { $($enum::$variant $(($inner::$of))? => (),)* };
    };
}
pub(crate) use every;
