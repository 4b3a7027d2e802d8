//! Going back: who decides it, on what, how far it reaches, and what is remembered of it.

mod again;
mod guard;
mod pace;
mod scopes;
mod unreachable;
mod vetoes;
mod votes;
