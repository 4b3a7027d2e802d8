//! One seed: a world with etcd, servers, agents and an operator, all of them the product's own shells, on a simulated
//! network, disk and clock. The same seed is the same history, byte for byte. Prints what was found and ends with 0 if
//! nothing was broken, with 1 if something was.
//!
//! Reading order: [`world`], [`scenario`], [`faults`], [`nemesis`], [`hosts`], [`etcd`], [`site`], [`oracle`], [`patience`], [`ends`].

mod app;
mod ends;
mod etcd;
mod faults;
mod hosts;
mod nemesis;
mod net;
mod operator;
mod options;
mod oracle;
mod patience;
mod scenario;
mod site;
mod story;
mod world;

fn main() -> std::process::ExitCode {
    app::main()
}
