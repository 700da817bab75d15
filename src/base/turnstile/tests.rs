use super::*;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

type Entering<'a> = Pin<Box<dyn Future<Output = Place> + 'a>>;

/// Whether it is in, and its place.
fn look(entering: &mut Entering<'_>) -> Option<Place> {
    match entering.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(place) => Some(place),
        Poll::Pending => None,
    }
}

fn wait<'a>(turnstile: &'a Arc<Turnstile>, who: &'a Arc<str>) -> Entering<'a> {
    let mut entering: Entering<'a> = Box::pin(turnstile.enter(who));
    assert!(look(&mut entering).is_none(), "there is no place");
    entering
}

fn is_as_new(turnstile: &Arc<Turnstile>, places: usize) -> bool {
    let lines = turnstile.lock();
    lines.free == places && lines.waiting.is_empty() && lines.order.is_empty()
}

#[test]
fn one_who_asks_once_waits_for_one_of_those_who_ask_a_thousand_times_d_121() {
    let (flood, other): (Arc<str>, Arc<str>) = ("flood".into(), "other".into());
    let turnstile = Arc::new(Turnstile::new(2));
    let (first, second) = (turnstile.try_enter().unwrap(), turnstile.try_enter().unwrap());
    let mut many: Vec<_> = (0..1000).map(|_| wait(&turnstile, &flood)).collect();
    let mut one = wait(&turnstile, &other);
    assert_eq!(turnstile.waiting(), 1001);
    drop(first);
    assert!(look(&mut one).is_none(), "they came first");
    let third = look(&mut many[0]).unwrap();
    drop(second);
    drop(look(&mut one).expect("then it is the other's turn"));
    let fourth = look(&mut many[1]).unwrap();
    assert!(many[2..].iter_mut().all(|waiting| look(waiting).is_none()), "two at once, and no more");
    drop((third, fourth));
    for waiting in &mut many[2..] {
        drop(look(waiting).expect("each in its turn"));
    }
    assert!(is_as_new(&turnstile, 2));
}

#[test]
fn lines_are_served_in_turns_and_each_from_its_front() {
    let names: Vec<Arc<str>> = ["a", "b", "c"].map(Arc::from).into();
    let turnstile = Arc::new(Turnstile::new(1));
    let mut place = turnstile.try_enter();
    let mut waiting: Vec<_> = [0, 0, 0, 1, 2, 2].map(|who| Some(wait(&turnstile, &names[who]))).into();
    let mut served = Vec::new();
    while served.len() < waiting.len() {
        drop(place.take());
        for (number, one) in waiting.iter_mut().enumerate() {
            place = place.or_else(|| {
                let place = look(one.as_mut()?)?;
                *one = None;
                served.push(number);
                Some(place)
            });
        }
    }
    assert_eq!(served, [0, 3, 4, 1, 5, 2]);
    drop(place);
    assert!(is_as_new(&turnstile, 1));
}

#[test]
fn whoever_stops_waiting_leaves_nothing_behind_and_his_place_goes_to_the_next() {
    let (who, other): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
    let turnstile = Arc::new(Turnstile::new(1));
    let place = turnstile.try_enter().unwrap();
    for _ in 0..10_000 {
        drop(wait(&turnstile, &who));
    }
    assert_eq!((turnstile.waiting(), turnstile.lock().order.len()), (0, 0), "however many there were");
    let given = wait(&turnstile, &who);
    let mut behind = wait(&turnstile, &other);
    drop(place);
    assert!(turnstile.try_enter().is_none(), "it is given, if not yet taken");
    drop(given);
    drop(look(&mut behind).expect("and passed on"));
    assert!(is_as_new(&turnstile, 1));
}
