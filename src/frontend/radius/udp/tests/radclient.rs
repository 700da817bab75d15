//! FreeRADIUS' client against our sockets.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::frontend::radius::udp::tests::server::Server;

/// Runs FreeRADIUS' client with `request` on its input and gives back what it says; `None`, loudly, where it
/// is not installed. CI must have it.
async fn radclient(server: &Server, kind: &'static str, request: String) -> Option<String> {
    let to = server.address.to_string();
    let run = move || {
        let mut command = Command::new("radclient");
        command.args(["-x", "-r", "1", "-t", "5", &to, kind, "s3cret"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().ok()?;
        child.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        Some(format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ))
    };
    let said = tokio::task::spawn_blocking(run).await.unwrap();
    if said.is_none() {
        eprintln!("radclient is not installed: nothing was tried against it");
        assert!(std::env::var_os("CI").is_none(), "CI must have radclient");
    }
    said
}

fn as_radclient_writes(password: &str, more: &str) -> String {
    format!(
        "User-Name = \"anna\"\nUser-Password = \"{password}\"\nNAS-Identifier = \"fw\"\nProxy-State = 0x6f6e65\n\
         Proxy-State = 0x74776f\nMessage-Authenticator = 0x00\n{more}\n"
    )
}

#[tokio::test]
async fn radclient_logs_in_and_finds_every_answer_authentic() {
    let server = Server::start("127.0.0.1:0", 1, 99);
    let ask = as_radclient_writes;
    let Some(said) = radclient(&server, "auth", ask("hunter2123456", "")).await else { return };
    assert!(said.contains("Received Access-Accept"), "{said}");
    let said = radclient(&server, "auth", ask("wrong123456", "")).await.unwrap();
    assert!(said.contains("Received Access-Reject") && said.contains("Sign-in failed."), "{said}");
    let said = radclient(&server, "auth", ask("hunter2", "")).await.unwrap();
    assert!(said.contains("Received Access-Challenge"), "{said}");
    assert!(said.contains("Proxy-State = 0x6f6e65\n\tProxy-State = 0x74776f"), "A-061: {said}");
    let more = said.lines().map(str::trim).find(|line| line.starts_with("State = 0x")).unwrap();
    let said = radclient(&server, "auth", ask("123456", more)).await.unwrap();
    assert!(said.contains("Received Access-Accept"), "{said}");
    let probe = "Message-Authenticator = 0x00\n".to_owned();
    let said = radclient(&server, "status", probe).await.unwrap();
    assert!(said.contains("Received Access-Accept"), "{said}");
}
