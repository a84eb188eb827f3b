//! What following runs and calling take: a value that only some builds have.

/// Held by every machine that follows runs or calls. Without the feature `runs` there is no value of this type, so there is none of those
/// machines either, and the compiler leaves out whatever is for them, wherever that is.
#[derive(Clone, Copy, Debug)]
#[cfg(feature = "runs")]
pub struct Runs(());

/// There is none in this build.
#[derive(Clone, Copy, Debug)]
#[cfg(not(feature = "runs"))]
pub enum Runs {}

impl Runs {
    /// The value, where there is one.
    #[must_use]
    pub const fn given() -> Option<Self> {
        #[cfg(feature = "runs")]
        return Some(Self(()));
        #[cfg(not(feature = "runs"))]
        None
    }
}
