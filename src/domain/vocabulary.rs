//! Closed vocabularies: enums with one written form per variant.

/// A closed list of words: an enum whose variants have one written form each.
pub trait Vocabulary: Copy + Eq + 'static {
    /// The type's name, as it appears in the contract.
    const NAME: &'static str;
    /// Every word, in the order of the list.
    const ALL: &'static [Self];

    /// The written form.
    fn as_str(self) -> &'static str;

    /// What the word means, in a sentence.
    fn meaning(self) -> &'static str;

    /// The written form of every word, in the order of the list.
    #[must_use]
    fn words() -> Vec<&'static str> {
        Self::ALL.iter().map(|known| known.as_str()).collect()
    }

    /// The variant with this written form.
    #[must_use]
    fn named(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.as_str() == word)
    }
}

/// Declares an enum with its [`Vocabulary`]. Doc comments of variants are also their descriptions for users.
macro_rules! vocabulary {
    (
        $(#[$meta:meta])*
        $name:ident { $($(#[doc = $meaning:literal])+ $variant:ident = $word:literal,)+ }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[doc = $meaning])+ $variant,)+
        }

        impl $crate::domain::vocabulary::Vocabulary for $name {
            const NAME: &'static str = stringify!($name);
            const ALL: &'static [Self] = &[$(Self::$variant,)+];

            fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($meaning,)+).trim_ascii_start(),)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($crate::domain::vocabulary::Vocabulary::as_str(*self))
            }
        }

        impl TryFrom<&str> for $name {
            type Error = $crate::domain::fault::Fault;

            fn try_from(word: &str) -> Result<Self, Self::Error> {
                <Self as $crate::domain::vocabulary::Vocabulary>::named(word)
                    .ok_or_else(|| $crate::domain::fault::Fault::not_in_list::<Self>(word))
            }
        }
    };
}
pub(crate) use vocabulary;
