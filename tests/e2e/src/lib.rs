//! End to end: the shipped programs, as processes, with real traffic. All of it is in `tests/`; the prefix of a file
//! names the surface.
