//! `palisade test` from outside, and its verdicts against those of the naive evaluator.

mod commands;
mod naive;
