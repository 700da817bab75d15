//! All networks that rules name, in one tree.

use std::net::IpAddr;
use std::ops::Range;

use crate::base::cidr::{Prefix, PrefixTable};

/// Which of many networks an address is in, found by one look for the longest prefix: every prefix knows the networks
/// that name it, and the next shorter prefix around it.
#[derive(Debug, Default)]
pub(super) struct Networks {
    table: PrefixTable<usize>,
    nodes: Vec<Node>,
    /// Numbers of networks; each node has a piece of it.
    of: Vec<usize>,
}

/// A prefix that some networks name.
#[derive(Debug)]
struct Node {
    networks: Range<usize>,
    around: Option<usize>,
}

impl Networks {
    /// Takes all networks, each by its number and its prefixes.
    pub(super) fn new<'a>(networks: impl IntoIterator<Item = (usize, &'a [Prefix])>) -> Self {
        let all = networks.into_iter();
        let mut all: Vec<_> = all
            .flat_map(|(number, list)| list.iter().map(move |prefix| (prefix.bits(), *prefix, number)))
            .collect();
        // Shorter ones first: what is around a prefix is in the table before it.
        all.sort_unstable();
        all.dedup();
        let mut tree = Self::default();
        for (_, prefix, number) in all {
            let around = tree.table.covering(prefix).map(|(found, node)| (found, *node));
            let start = tree.of.len();
            tree.of.push(number);
            let end = tree.of.len();
            match around {
                Some((found, node)) if found == prefix => {
                    if let Some(node) = tree.nodes.get_mut(node) {
                        node.networks.end = end;
                    }
                }
                Some(_) | None => {
                    tree.table.insert(prefix, tree.nodes.len());
                    let around = around.map(|(_, node)| node);
                    tree.nodes.push(Node { networks: start..end, around });
                }
            }
        }
        tree
    }

    /// The networks that an address is in.
    pub(super) fn at(&self, address: IpAddr) -> impl Iterator<Item = usize> {
        self.upward(self.table.get(address).copied())
    }

    /// The networks that all addresses of a prefix are in.
    pub(super) fn around(&self, part: Prefix) -> impl Iterator<Item = usize> {
        self.upward(self.table.covering(part).map(|(_, node)| *node))
    }

    /// The networks that some addresses of a prefix are in, or all.
    pub(super) fn inside(&self, part: Prefix) -> impl Iterator<Item = usize> {
        self.table.inside(part).flat_map(|node| self.named(*node))
    }

    fn upward(&self, node: Option<usize>) -> impl Iterator<Item = usize> {
        std::iter::successors(node, |node| self.nodes.get(*node)?.around).flat_map(|node| self.named(node))
    }

    fn named(&self, node: usize) -> impl Iterator<Item = usize> {
        let range = self.nodes.get(node).map_or(0..0, |node| node.networks.clone());
        self.of.get(range).unwrap_or_default().iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(networks: &[&[&str]]) -> Networks {
        let lists: Vec<Vec<Prefix>> =
            networks.iter().map(|list| list.iter().map(|text| text.parse().unwrap()).collect()).collect();
        Networks::new(lists.iter().map(Vec::as_slice).enumerate())
    }

    fn sorted(numbers: impl Iterator<Item = usize>) -> Vec<usize> {
        let mut numbers: Vec<_> = numbers.collect();
        numbers.sort_unstable();
        numbers
    }

    #[test]
    fn an_address_is_in_every_network_with_a_prefix_around_it() {
        let tree = tree(&[
            &["10.1.0.0/16", "192.0.2.0/24"],
            &["10.0.0.0/8"],
            &["10.1.0.0/16", "10.1.0.0/16", "10.2.0.0/16"],
            &["2001:db8::/32"],
            &[],
            &["0.0.0.0/0"],
        ]);
        let at = |text: &str| sorted(tree.at(text.parse().unwrap()));
        assert_eq!(at("10.1.2.3"), [0, 1, 2, 5]);
        assert_eq!(at("10.2.2.3"), [1, 2, 5]);
        assert_eq!(at("10.9.9.9"), [1, 5]);
        assert_eq!(at("192.0.2.1"), [0, 5]);
        assert_eq!(at("::ffff:192.0.2.1"), [0, 5]);
        assert_eq!(at("2001:db8::1"), [3]);
        assert_eq!(at("2001:db9::1"), [0; 0]);
    }

    #[test]
    fn a_part_of_which_only_some_addresses_are_in_a_network_is_told_from_one_that_is_wholly_inside() {
        let tree = tree(&[&["10.1.2.0/25"], &["10.1.0.0/16"], &["10.1.2.0/24"], &["10.1.3.0/24"]]);
        let part: Prefix = "10.1.2.0/24".parse().unwrap();
        assert_eq!(sorted(tree.around(part)), [1, 2]);
        assert_eq!(sorted(tree.inside(part)), [0, 2]);
    }
}
