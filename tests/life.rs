//! Life of the process: start, reload, drain, end, faults.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test code"
)]

#[path = "support/lab.rs"]
mod lab;

use std::time::Duration;

use doorward::base::clock::{Clock, SystemClock};
use doorward::wire::radius::packet::Code;
use lab::{Lab, PASSWORD, SEED, quiet_step, totp};

#[test]
fn a_good_reload_takes_the_new_rules_and_a_bad_one_keeps_the_old() {
    let lab = Lab::start("code-entry = \"separator\"", "");
    lab.enrol_totp("alice");
    assert_eq!(lab.appliance().ask("alice", PASSWORD).code, Code::AccessReject, "a code is missing");
    assert_eq!(lab.last_reason(), "code-missing");

    let rule = "code-entry = \"separator\"\n[[rule]]\nname = \"open\"\nthen = \"none\"\n";
    lab.edit_config("code-entry = \"separator\"", rule);
    lab.signal("HUP");
    lab.wait_for_event("daemon.reloaded");
    assert_eq!(lab.appliance().ask("alice", PASSWORD).code, Code::AccessAccept, "the rule asks for none");

    lab.edit_config("then = \"none\"", "then = \"nonsense\"");
    lab.signal("HUP");
    let complaint = lab.wait_for_event("daemon.reload-failed");
    assert!(complaint.contains("nonsense"), "it says why: {complaint}");
    assert_eq!(lab.appliance().ask("alice", PASSWORD).code, Code::AccessAccept, "the old rules hold");
}

#[test]
fn no_request_is_dropped_by_reloads() {
    let lab = Lab::start(
        "primary = \"trusted\"",
        "[limits]\nsource-per-minute = 100000\nsubject-per-minute = 100000\n",
    );
    let vpn = lab.appliance();
    for n in 0..200 {
        if n % 20 == 0 {
            lab.signal("HUP");
        }
        assert_eq!(vpn.ask("alice", "123456").code, Code::AccessReject);
    }
}

#[test]
fn while_the_users_file_is_written_anew_whoever_stays_in_it_is_found_at_every_login() {
    let lab = Lab::start("", "[[rule]]\nname = \"open\"\nthen = \"none\"\n");
    let vpn = lab.appliance();
    let (path, both) = (lab.path("users.toml"), std::fs::read_to_string(lab.path("users.toml")).unwrap());
    let bob = both.rfind("[[user]]").unwrap();
    let ask = |name: &str| vpn.ask(name, PASSWORD).code;
    for round in 0..4_usize {
        let with_bob = round % 2 == 1;
        lab::private_file(&path, if with_bob { &both } else { &both[..bob] });
        lab.signal("HUP");
        assert_eq!(ask("alice"), Code::AccessAccept, "while it is read");
        let reloads = format!("\"reloads\":{}", round + 1);
        lab.wait_for(|line| line.contains("daemon.reloaded") && line.contains(&reloads));
        assert_eq!(ask("alice"), Code::AccessAccept);
        let due = if with_bob { Code::AccessAccept } else { Code::AccessReject };
        assert_eq!(ask("bob"), due, "round {round}");
    }
    lab::private_file(&path, &both[..both.len() - 40]);
    lab.signal("HUP");
    lab.wait_for_event("daemon.reload-failed");
    assert_eq!(
        (ask("alice"), ask("bob")),
        (Code::AccessAccept, Code::AccessAccept),
        "half of a file is none"
    );
}

#[test]
fn an_open_question_survives_a_reload() {
    let lab = Lab::start("", "");
    lab.enrol_totp("alice");
    let vpn = lab.appliance();
    let code = totp(SEED, quiet_step(10));
    let question = vpn.ask("alice", PASSWORD);
    lab.signal("HUP");
    lab.wait_for_event("daemon.reloaded");
    assert_eq!(vpn.answer("alice", &code, &question).code, Code::AccessAccept);
}

#[test]
fn the_end_is_orderly_and_quick() {
    let mut lab = Lab::start("", "");
    let status = lab.end("TERM");
    assert_eq!(status.code(), Some(0));
    lab.wait_for_event("daemon.stopped");
}

#[test]
fn a_running_login_is_answered_before_the_end() {
    let mut lab = Lab::start("", "");
    lab.edit_config("reject-delay = \"0s\"", "reject-delay = \"5s\"");
    lab.signal("HUP");
    lab.wait_for_event("daemon.reloaded");
    let vpn = lab.appliance();
    let packet = vpn.request("mallory", "whatever", None);
    vpn.socket.send(&packet).unwrap();
    lab.wait_for_page("/metrics", "doorward_logins_running 1");
    let status = lab.end("TERM");
    assert_eq!(status.code(), Some(0));
    assert_eq!(vpn.receive(&packet).code, Code::AccessReject);
}

#[test]
fn health_and_metrics_tell_how_it_is() {
    let lab = Lab::start("", "");
    lab.enrol_totp("alice");
    lab.appliance().ask("mallory", "x");
    let health = lab.page("/health");
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
    for nothing in ["directories_down", "unsigned_clients", "upstreams_down", "weak_secrets"] {
        assert!(health.contains(&format!("\"{nothing}\":[]")), "{nothing}: {health}");
    }
    let metrics = lab.page("/metrics");
    let line = "doorward_logins_total{outcome=\"reject\",reason=\"unknown-subject\"} 1";
    assert!(metrics.contains(line), "{metrics}");
}

#[test]
fn without_an_audit_nobody_is_let_in_d_117() {
    if !std::path::Path::new("/dev/full").exists() {
        eprintln!("skipped: there is no /dev/full here");
        return;
    }
    let dir = lab::folder();
    let tables = format!(
        "{}{}[[rule]]\nname = \"open\"\nthen = \"none\"\n",
        lab::staff(dir.path()),
        lab::client(dir.path(), "")
    );
    let lab = Lab::start_custom(dir, &tables);
    assert_eq!(lab.appliance().ask("alice", PASSWORD).code, Code::AccessAccept);
    // A disk that is full: every write to this device fails with ENOSPC.
    let audit = lab.path("audit.jsonl");
    lab.edit_config(audit.to_str().unwrap(), "/dev/full");
    lab.signal("HUP");
    lab.wait_for_event("daemon.reloaded");
    let vpn = lab.appliance();
    vpn.hears_nothing(&vpn.request("alice", PASSWORD, None), Duration::from_millis(700));
    assert!(lab.page("/health").starts_with("HTTP/1.1 503"), "health turns red");
    lab.edit_config("/dev/full", audit.to_str().unwrap());
    lab.signal("HUP");
    lab.wait_for(|line| line.matches("daemon.reloaded").count() > 0 && line.contains("\"reloads\":2"));
    assert_eq!(vpn.ask("alice", PASSWORD).code, Code::AccessAccept, "it recovers");
}

#[test]
fn each_reload_opens_the_audit_anew_and_the_thread_of_the_old_one_ends() {
    let lab = Lab::start("", "");
    let threads = || {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", lab.pid())).unwrap();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.filter(|name| name == "audit-sync\n").count()
    };
    let there_is_one = || {
        let end = SystemClock.now().steady + Duration::from_secs(60);
        while threads() != 1 {
            assert!(SystemClock.now().steady < end, "{} threads are there", threads());
            std::thread::park_timeout(Duration::from_millis(50));
        }
    };
    there_is_one();
    for reloads in 1..=3 {
        lab.signal("HUP");
        lab.wait_for(|line| {
            line.contains("daemon.reloaded") && line.contains(&format!("\"reloads\":{reloads}"))
        });
    }
    there_is_one();
    lab.appliance().ask("mallory", "x");
    assert_eq!(lab.logins().len(), 1);
}

#[test]
fn a_client_that_has_signed_once_must_sign_for_ever_restarts_included_a_038() {
    let mut lab = Lab::start("message-authenticator = \"auto\"", "");
    let unsigned = |lab: &Lab| {
        let mut packet = lab.appliance().request("mallory", "x", None);
        packet.drain(20..38);
        let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
        packet[2..4].copy_from_slice(&length);
        packet
    };
    let vpn = lab.appliance();
    assert_eq!(vpn.exchange(&unsigned(&lab)).code, Code::AccessReject, "nothing is known of it yet");
    assert!(lab.page("/health").contains("\"unsigned_clients\":[\"vpn\"]"), "A-050");
    assert_eq!(vpn.ask("mallory", "x").code, Code::AccessReject, "a signed one");
    vpn.hears_nothing(&unsigned(&lab), Duration::from_millis(300));
    lab.wait_for_page("/metrics", "message-authenticator-missing\"} 1");
    lab.end("TERM");
    lab.run();
    let vpn = lab.appliance();
    vpn.hears_nothing(&unsigned(&lab), Duration::from_millis(300));
}

#[test]
fn the_service_manager_is_told_of_start_reload_life_and_end() {
    let mut lab = Lab::start("", "");
    lab.end("TERM");
    let path = lab.path("notify");
    let manager = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(lab::PATIENCE)).unwrap();
    let told = |wanted: &str| {
        let mut buffer = [0; 4096];
        loop {
            let length = manager.recv(&mut buffer).unwrap_or_else(|_| panic!("{wanted} was never told"));
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.lines().any(|line| line == wanted) {
                return;
            }
        }
    };
    lab.environment = vec![
        ("NOTIFY_SOCKET".to_owned(), path.display().to_string()),
        ("WATCHDOG_USEC".to_owned(), "3000000".to_owned()),
    ];
    lab.run();
    told("READY=1");
    told("WATCHDOG=1");
    lab.signal("HUP");
    told("RELOADING=1");
    told("READY=1");
    assert_eq!(lab.end("TERM").code(), Some(0));
    told("STOPPING=1");
}

/// A file system of one MiB, which only root may make.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(place: std::path::PathBuf) -> Option<Self> {
        std::fs::create_dir(&place).unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&place);
        let mounted = mount.output().is_ok_and(|done| done.status.success());
        if !mounted {
            eprintln!("NOT TESTED: a full disk, which takes the right to mount one");
        }
        mounted.then_some(Self(place))
    }

    fn fill(&self) -> std::path::PathBuf {
        use std::io::Write;
        let path = self.0.join("filler");
        let mut file = std::fs::File::create(&path).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _gone = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_lets_nobody_in_and_is_over_when_there_is_room_d_117() {
    let mut lab = Lab::start("primary = \"trusted\"", "");
    lab.end("TERM");
    let Some(disk) = SmallDisk::mount(lab.path("disk")) else { return };
    let (before, after) = (lab.path("doorward.db"), disk.0.join("doorward.db"));
    lab.edit_config(before.to_str().unwrap(), after.to_str().unwrap());
    lab.run();
    lab.enrol_totp("alice");
    let vpn = lab.appliance();
    let filler = disk.fill();
    let code = totp(SEED, quiet_step(20));
    // Somebody new needs room at once. Who is known takes a few bytes, and the last block may still have them.
    vpn.hears_nothing(&vpn.request("bob", &code, None), Duration::from_millis(700));
    assert_eq!(lab.last_reason(), "store-unavailable", "a fault, and no wrong code");
    lab.wait_for_page("/health", "\"store\":\"failing\"");
    std::fs::remove_file(filler).unwrap();
    lab.wait_for_page("/health", "\"store\":\"ok\"");
    assert_eq!(vpn.ask("alice", &code).code, Code::AccessAccept);
    lab.end("TERM");
}

#[test]
fn as_many_files_may_be_open_as_the_system_allows_at_most() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let allowed = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(512), ..allowed }).unwrap();
    let lab = Lab::start("", "");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", lab.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let fields: Vec<&str> = line.split_whitespace().collect();
    assert!(fields[3] == fields[4] && fields[3] != "512", "{line}");
}
