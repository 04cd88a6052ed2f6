//! The lab: a private network, scripted actors on third-party stacks, and the log of what they really sent.
