use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::AtomicUsize;

use tokio::sync::oneshot;

use super::*;

/// Counts how often the task was woken.
#[derive(Default)]
struct Task(AtomicUsize);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

type Boxed = Pin<Box<dyn Future<Output = u32>>>;

fn boxed(future: impl Future<Output = u32> + 'static) -> Boxed {
    Box::pin(future)
}

/// Ends with `number` at its poll after this many that put it off and wake it again.
fn after(mut polls: u32, number: u32) -> Boxed {
    boxed(std::future::poll_fn(move |cx| {
        if polls == 0 {
            return Poll::Ready(number);
        }
        polls -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }))
}

fn heard(running: &mut Running<&'static str, Boxed>) -> BTreeMap<&'static str, Result<u32, Panicked>> {
    let mut heard = BTreeMap::new();
    running.go_on(|tag, done| assert_eq!(heard.insert(tag, done), None, "{tag} ended twice"));
    heard
}

#[test]
fn what_waits_for_nothing_ends_where_it_begins() {
    let mut running = Running::new();
    assert_eq!(running.begin("a", || after(0, 7)), Some(("a", Ok(7))));
    assert_eq!(running.len(), 0);
}

#[test]
fn all_begin_before_the_first_that_woke_itself_goes_on() {
    let order = Rc::new(RefCell::new(Vec::new()));
    let mut running = Running::new();
    for name in ["a", "b", "c"] {
        let (order, mut first) = (order.clone(), true);
        let one = boxed(std::future::poll_fn(move |cx| {
            order.borrow_mut().push(name);
            if std::mem::replace(&mut first, false) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(0)
        }));
        assert_eq!(running.begin(name, || one), None);
    }
    assert_eq!(heard(&mut running).len(), 3);
    assert_eq!(*order.borrow(), ["a", "b", "c", "a", "b", "c"]);
}

#[test]
fn a_panic_ends_one_and_nobody_else_at_the_first_poll_and_later() {
    let mut running = Running::new();
    assert_eq!(running.begin("waits", || after(1, 1)), None);
    assert_eq!(
        running.begin("at once", || boxed(async { panic!("at once") })),
        Some(("at once", Err(Panicked)))
    );
    let later = boxed(async {
        after(1, 0).await;
        panic!("later")
    });
    assert_eq!(running.begin("later", || later), None);
    assert_eq!(heard(&mut running), BTreeMap::from([("waits", Ok(1)), ("later", Err(Panicked))]));
    assert_eq!(running.begin("next", || after(0, 2)), Some(("next", Ok(2))));
    assert_eq!(running.len(), 0);
}

#[test]
fn one_that_wakes_itself_for_ever_leaves_the_turn_to_others_and_is_not_forgotten() {
    let mut running = Running::new();
    let task = Arc::new(Task::default());
    assert_eq!(running.begin("for ever", || after(u32::MAX, 0)), None);
    assert!(heard(&mut running).is_empty());
    running.rest(&Context::from_waker(&task.clone().into()));
    assert_eq!(task.0.load(Ordering::SeqCst), 1, "there is more to do at once");
}

#[test]
fn whoever_is_woken_from_elsewhere_wakes_the_resting_task_once_and_goes_on() {
    let mut running = Running::new();
    let task = Arc::new(Task::default());
    let waker = task.clone().into();
    let (mut tell, mut names) = (Vec::new(), ["a", "b", "c"].into_iter());
    for name in names.by_ref() {
        let (teller, told) = oneshot::channel();
        tell.push(teller);
        assert_eq!(running.begin(name, || boxed(async { told.await.unwrap() })), None);
    }
    running.rest(&Context::from_waker(&waker));
    assert_eq!(task.0.load(Ordering::SeqCst), 0);
    tell.pop().unwrap().send(3).unwrap();
    std::thread::scope(|scope| scope.spawn(|| tell.pop().unwrap().send(2).unwrap()).join().unwrap());
    assert_eq!(task.0.load(Ordering::SeqCst), 1);
    assert_eq!(heard(&mut running), BTreeMap::from([("b", Ok(2)), ("c", Ok(3))]));
    assert_eq!(running.len(), 1);
    running.rest(&Context::from_waker(&waker));
    tell.pop().unwrap().send(1).unwrap();
    assert_eq!(task.0.load(Ordering::SeqCst), 2);
    assert_eq!(heard(&mut running), BTreeMap::from([("a", Ok(1))]));
}

#[test]
fn a_late_call_for_one_that_has_left_does_no_harm_to_the_next_in_its_seat() {
    let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
    let keeper = kept.clone();
    let mut running = Running::new();
    let leaves = boxed(std::future::poll_fn(move |cx| {
        *keeper.borrow_mut() = Some(cx.waker().clone());
        Poll::Ready(0)
    }));
    assert_eq!(running.begin("leaves", || leaves), Some(("leaves", Ok(0))));
    let (tell, told) = oneshot::channel();
    assert_eq!(running.begin("next", || boxed(async { told.await.unwrap() })), None);
    kept.borrow().as_ref().unwrap().wake_by_ref();
    assert!(heard(&mut running).is_empty());
    tell.send(5).unwrap();
    assert_eq!(heard(&mut running), BTreeMap::from([("next", Ok(5))]));
}

#[test]
fn after_a_rush_no_more_places_are_kept_than_are_of_use() {
    let mut running = Running::new();
    for _ in 0..10 * SPARE {
        assert_eq!(running.begin("rush", || after(1, 0)), None);
    }
    assert_eq!(running.len(), 10 * SPARE);
    let mut ended = 0;
    running.go_on(|_, _| ended += 1);
    assert_eq!((ended, running.len(), running.spare.len()), (10 * SPARE, 0, SPARE));
}
