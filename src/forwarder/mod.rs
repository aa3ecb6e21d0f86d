//! `hookspool forward`: the program that runs the consumers.

mod consumers;

pub use consumers::{ConsumerStatuses, Consumers, PreparedConsumer};
