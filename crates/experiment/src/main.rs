mod data;
mod plan;
mod report;
mod store;
mod sweep;

fn main() {}
