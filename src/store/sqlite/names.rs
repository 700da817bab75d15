//! Many names in few bytes, in their order.

/// Names, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Names {
    text: String,
    /// Where each begins and ends.
    places: Vec<(u32, u32)>,
}

impl Names {
    pub(super) fn push(&mut self, name: &str) {
        let start = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.text.push_str(name);
        self.places.push((start, u32::try_from(self.text.len()).unwrap_or(u32::MAX)));
    }

    pub(super) fn sort(&mut self) {
        let text = &self.text;
        self.places.sort_unstable_by(|one, other| at(text, *one).cmp(at(text, *other)));
    }

    pub(super) const fn len(&self) -> usize {
        self.places.len()
    }

    /// So many of them from the n-th on.
    pub(super) fn some(&self, from: usize, many: usize) -> impl Iterator<Item = &str> {
        let places = self.places.get(from..).unwrap_or_default().iter().take(many);
        places.map(|place| at(&self.text, *place))
    }
}

fn at(text: &str, (start, end): (u32, u32)) -> &str {
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    range.and_then(|(start, end)| text.get(start..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_in_their_order() {
        let mut names = Names::default();
        ["p3", "p10", "", "p1"].into_iter().for_each(|name| names.push(name));
        names.sort();
        assert_eq!(names.some(1, 2).collect::<Vec<_>>(), ["p1", "p10"]);
        assert_eq!((names.len(), names.some(0, 9).collect::<Vec<_>>()), (4, vec!["", "p1", "p10", "p3"]));
    }
}
