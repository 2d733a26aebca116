//! The spaces that a device holds, as its sessions see them.

use std::collections::BTreeMap;

use crate::{
    id::SpaceId,
    journal::Disk,
    replica::{Replica, State},
};

/// All spaces of a device.
pub trait Spaces {
    /// Where their journals lie.
    type Disk: Disk;

    /// The state of each.
    fn states(&self) -> impl Iterator<Item = &State>;

    /// The state of one, if it is held.
    fn state(&self, space: &SpaceId) -> Option<&State>;

    /// One, if it is held.
    fn replica(&mut self, space: &SpaceId) -> Option<&mut Replica<Self::Disk>>;
}

/// A device that holds one space.
impl<D: Disk> Spaces for Replica<D> {
    type Disk = D;

    fn states(&self) -> impl Iterator<Item = &State> {
        std::iter::once(self.state())
    }

    fn state(&self, space: &SpaceId) -> Option<&State> {
        Some(Self::state(self)).filter(|state| state.space() == space)
    }

    fn replica(&mut self, space: &SpaceId) -> Option<&mut Replica<D>> {
        (Self::state(self).space() == space).then_some(self)
    }
}

/// A device that holds several.
impl<D: Disk> Spaces for BTreeMap<SpaceId, Replica<D>> {
    type Disk = D;

    fn states(&self) -> impl Iterator<Item = &State> {
        self.values().map(Replica::state)
    }

    fn state(&self, space: &SpaceId) -> Option<&State> {
        self.get(space).map(Replica::state)
    }

    fn replica(&mut self, space: &SpaceId) -> Option<&mut Replica<D>> {
        self.get_mut(space)
    }
}
