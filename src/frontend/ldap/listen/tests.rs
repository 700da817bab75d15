use std::cell::Cell;
use std::task::{Context, Waker};

use socket2::SockRef;
use tokio::runtime::Handle;

use super::*;

fn here() -> Vec<Handle> {
    vec![Handle::current(), Handle::current()]
}

#[tokio::test]
async fn a_connection_has_what_its_listener_was_given_whichever_of_them_takes_it() {
    let listeners = bind("127.0.0.1:0".parse().unwrap(), &here()).unwrap();
    let address = listeners[0].local_addr().unwrap();
    assert!(listeners.len() == 2 && listeners[1].local_addr().unwrap() == address);
    let _theirs = TcpStream::connect(address).await.unwrap();
    let (ours, _) = tokio::select! {
        first = listeners[0].accept() => first.unwrap(),
        second = listeners[1].accept() => second.unwrap(),
    };
    let socket = SockRef::from(&ours);
    assert!(ours.nodelay().unwrap() && socket.keepalive().unwrap());
    assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(120));
    assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);
}

#[tokio::test]
async fn an_address_that_somebody_else_listens_on_is_not_shared_with_him() {
    let all = bind("127.0.0.1:0".parse().unwrap(), &here()).unwrap();
    let address = all[0].local_addr().unwrap();
    for homes in [here(), vec![Handle::current()]] {
        assert_eq!(bind(address, &homes).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
    drop(all);
    assert!(bind(address, &here()).is_ok());
}

#[test]
fn who_is_told_to_stop_stops_in_the_middle_of_work_and_is_not_asked_for_nothing() {
    let (sender, stop) = watch::channel(false);
    let turns = Cell::new(0);
    let mut work = pin!(unless_stopped(
        &stop,
        poll_fn(|_| {
            turns.set(turns.get() + 1);
            Poll::<()>::Pending
        })
    ));
    let mut context = Context::from_waker(Waker::noop());
    assert!(work.as_mut().poll(&mut context).is_pending() && work.as_mut().poll(&mut context).is_pending());
    sender.send_replace(false);
    assert!(work.as_mut().poll(&mut context).is_pending(), "told that it goes on");
    assert_eq!(turns.get(), 3);
    sender.send_replace(true);
    assert_eq!(work.as_mut().poll(&mut context), Poll::Ready(None));
    assert_eq!(turns.get(), 3);
}

#[test]
fn nobody_left_who_could_tell_is_being_told() {
    let (sender, stop) = watch::channel(false);
    let mut work = pin!(unless_stopped(&stop, std::future::pending::<()>()));
    let mut context = Context::from_waker(Waker::noop());
    assert!(work.as_mut().poll(&mut context).is_pending());
    drop(sender);
    assert_eq!(work.as_mut().poll(&mut context), Poll::Ready(None));
}
