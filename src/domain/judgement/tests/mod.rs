//! Tests of the judgement as a whole.

mod assumptions;
mod conditions;
mod exporters;
mod gates;
mod limits;
mod properties;
