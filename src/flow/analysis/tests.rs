//! Each rule by its name, on segments made by hand.
