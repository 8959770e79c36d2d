//! Fixtures about the way to a peer on another host.

use super::Fixture;
use crate::case::Passage;
use host::{
    Unseen,
    looks::{Link, Neighbour, Ping, RouteTo},
};

impl Fixture {
    /// The kernel sends packets for the first peer by that interface, through that gateway.
    pub fn leaves_by(self, device: &str, gateway: Option<&str>) -> Self {
        let gateway = gateway.map(|ip| ip.parse().expect("an address"));
        let route = RouteTo::Via {
            device: device.into(),
            gateway,
            source: None,
            local: false,
        };
        self.peer(|peer| {
            let to = peer.endpoint.tcp().map(|at| at.ip());
            peer.passage = Some(passage(route, gateway.or(to)));
        })
    }

    /// The kernel sends nothing to the first peer, and says that.
    pub fn no_way(self, says: &str) -> Self {
        let route = RouteTo::Refused { says: says.into() };
        self.peer(|peer| peer.passage = Some(passage(route, None)))
    }

    /// What the kernel knows of who takes the packets first.
    pub fn next_hop(self, entry: Neighbour) -> Self {
        self.peer(|peer| {
            if let Some(passage) = &mut peer.passage {
                passage.neighbour = Ok(Some(entry));
            }
        })
    }

    /// Packets of these sizes came back, or did not.
    pub fn sizes(self, answers: &[(u16, Ping)]) -> Self {
        self.peer(|peer| {
            if let Some(passage) = &mut peer.passage {
                passage.sizes = answers.iter().map(|(size, ping)| (*size, Ok(*ping))).collect();
            }
        })
    }

    /// An interface of this host.
    pub fn link(mut self, link: Link) -> Self {
        match &mut self.world.links {
            Ok(links) => links.push(link),
            Err(_) => self.world.links = Ok(vec![link]),
        }
        self
    }
}

fn passage(route: RouteTo, next_hop: Option<std::net::IpAddr>) -> Passage {
    Passage {
        route: Ok(route),
        next_hop,
        neighbour: Err(Unseen::NotRecorded {
            what: "a neighbour".into(),
        }),
        sizes: Vec::new(),
    }
}

/// An entry of the neighbour table.
pub fn neighbour(device: &str, state: &str) -> Neighbour {
    Neighbour {
        device: device.into(),
        hardware: None,
        state: state.into(),
    }
}

/// An interface with one address, `10.0.0.1/24`.
pub fn link(name: &str, address: &str, is_up: bool, has_carrier: bool) -> Link {
    let (ip, length) = address.split_once('/').expect("a network");
    Link {
        name: name.into(),
        is_up,
        has_carrier,
        mtu: 1500,
        addresses: vec![(ip.parse().expect("an address"), length.parse().expect("a length"))],
    }
}
