//! Many names in few bytes, in their order.

/// Names, one behind the other. They are put in order run by run, so that no step takes long however many there are, and
/// come out in the order of all.
#[derive(Debug, Default)]
pub(super) struct Names {
    text: String,
    /// Where each begins and ends.
    places: Vec<(u32, u32)>,
    /// What is left of each run.
    runs: Vec<(usize, usize)>,
    /// Where the run begins that has not ended.
    open: usize,
}

impl Names {
    pub(super) fn push(&mut self, name: &str) {
        let start = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.text.push_str(name);
        self.places.push((start, u32::try_from(self.text.len()).unwrap_or(u32::MAX)));
    }

    /// Puts in order what came since the last run. To take one out looks at each run, so they should be few.
    pub(super) fn end_run(&mut self) {
        let (text, end) = (&self.text, self.places.len());
        let run = self.places.get_mut(self.open..).unwrap_or_default();
        if !run.is_empty() {
            run.sort_unstable_by(|one, other| at(text, *one).cmp(at(text, *other)));
            self.runs.push((self.open, end));
        }
        self.open = end;
    }

    /// The first of those that are left of all runs.
    pub(super) fn take_first(&mut self) -> Option<&str> {
        let head = |(next, _): &(usize, usize)| self.places.get(*next).map(|place| at(&self.text, *place));
        let (first, _) = self.runs.iter().enumerate().min_by_key(|(_, run)| head(run))?;
        let (next, end) = self.runs.get_mut(first)?;
        let place = *self.places.get(*next)?;
        *next = next.saturating_add(1);
        if *next >= *end {
            self.runs.swap_remove(first);
        }
        Some(at(&self.text, place))
    }

    /// Whether all runs have been taken out.
    pub(super) const fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// All of them, as they came.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        self.places.iter().map(|place| at(&self.text, *place))
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
    fn names_of_several_runs_come_in_the_order_of_all() {
        let mut names = Names::default();
        for run in [vec!["p3", "p10", ""], vec![], vec!["p1", "p4"], vec!["p2"]] {
            run.into_iter().for_each(|name| names.push(name));
            names.end_run();
        }
        let mut taken = Vec::new();
        while !names.is_empty() {
            taken.push(names.take_first().unwrap().to_owned());
        }
        assert_eq!(taken, ["", "p1", "p10", "p2", "p3", "p4"]);
        assert_eq!(names.take_first(), None);
    }

    #[test]
    fn all_names_can_be_told_before_they_are_in_order() {
        let mut names = Names::default();
        ["p3", "p1"].into_iter().for_each(|name| names.push(name));
        assert!(names.is_empty(), "no run has ended");
        assert_eq!(names.all().collect::<Vec<_>>(), ["p3", "p1"]);
    }
}
