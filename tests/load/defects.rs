//! Servers whose responses have one defect each, which no threshold excuses.

use super::{cloud_at, passed, server};
use crate::common::{stderr, stdout, vouch};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};

/// The defect of a vendor, which shows from the 110th token request on.
#[derive(Clone, Copy, PartialEq)]
pub enum Defect {
    None,
    NoRotation,
    OneTokenForAll,
    OtherUser,
    OtherRegion,
    NoLifetime,
    NotJson,
    NoErrorCode,
    /// Its error repeats the refresh token and the API key.
    Echo,
    /// Of every token response.
    NotJsonAtAll,
}

/// A vendor with one user and a defect.
pub fn defective_vendor(defect: Defect) -> String {
    let count = AtomicU32::new(0);
    server(move |stream| {
        let mut reader = BufReader::new(stream);
        while let Some((path, body)) = request(&mut reader) {
            let (status, answer) = vendor(defect, &count, &path, &body);
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                answer.len()
            );
            if reader.get_mut().write_all((head + &answer).as_bytes()).is_err() {
                return;
            }
        }
    })
}

pub fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    let mut duration = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            duration = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; duration];
    reader.read_exact(&mut body).ok()?;
    Some((first.split(' ').nth(1)?.to_owned(), String::from_utf8(body).ok()?))
}

fn jwt(claims: &str) -> String {
    format!("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
}

pub fn vendor(defect: Defect, count: &AtomicU32, path: &str, body: &str) -> (&'static str, String) {
    let user = "5c5b8a52-9f4d-4b2e-9f4a-0000000000aa";
    if path.ends_with("/sign_in_token") {
        let iss = "id-signer-prd-us@vital-id-prd-us.iam.gserviceaccount.com";
        let jwt =
            jwt(&format!(r#"{{"iss":"{iss}","uid":"{user}","tenant_id":"t","iat":1767225600,"exp":4102444800}}"#));
        let token = STANDARD.encode(format!(r#"{{"public_key":"p","user_token":"{jwt}"}}"#));
        return ("200 OK", format!(r#"{{"user_id":"{user}","sign_in_token":"{token}"}}"#));
    }
    if !path.ends_with("/token") {
        return ("200 OK", format!(r#"{{"user_id":"{user}"}}"#));
    }
    let refreshes = body.contains("grant_type=refresh_token");
    let number = count.fetch_add(1, Ordering::Relaxed);
    let strikes = defect == Defect::NotJsonAtAll || refreshes && number >= 110;
    let defect = if strikes { defect } else { Defect::None };
    let used = body.split("refresh_token=").last().unwrap_or_default();
    let (mut sub, mut region, mut refresh, mut lifetime) =
        (user, "us", format!("refresh-{number}"), ",\"expires_in\":3600");
    match defect {
        Defect::NoRotation => used.clone_into(&mut refresh),
        Defect::OneTokenForAll => "refresh-for-all".clone_into(&mut refresh),
        Defect::OtherUser => sub = "somebody-else",
        Defect::OtherRegion => region = "eu",
        Defect::NoLifetime => lifetime = "",
        Defect::NotJson | Defect::NotJsonAtAll => return ("200 OK", "<html>all is well</html>".into()),
        Defect::Echo => {
            let word = format!("no quota for pk_us_wrong and {used}");
            return ("400 Bad Request", format!(r#"{{"detail":{{"error_type":"{word}"}}}}"#));
        }
        Defect::NoErrorCode => return ("400 Bad Request", "{}".into()),
        Defect::None => {}
    }
    let access = jwt(&format!(r#"{{"sub":"{sub}","region":"{region}","jti":"{number}"}}"#));
    ("200 OK", format!(r#"{{"access_token":"{access}","refresh_token":"{refresh}"{lifetime}}}"#))
}

#[test]
fn a_vendor_with_one_user_for_two_names_is_detected() {
    let vendor = defective_vendor(Defect::None);
    let (_folder, path) = cloud_at(&vendor, &vendor);
    let args =
        ["load", "-a", "50/s", "-d", "1s", "--installations", "10", "--users", "2", "--progress", "off", "--target"];
    let out = vouch().args(args).arg(path).assert().code(3);
    assert!(stderr(&out).contains("another name's"), "{}", stderr(&out));
}

#[test]
fn a_wrong_200_is_an_error_whatever_the_thresholds() {
    let load = |defect: Defect| {
        let vendor = defective_vendor(defect);
        let (_folder, path) = cloud_at(&vendor, &vendor);
        let args = [
            "load",
            "-a",
            "150/s",
            "-d",
            "1s",
            "--installations",
            "60",
            "--users",
            "1",
            "--progress",
            "off",
            "--threshold",
            "p99<5s",
        ];
        vouch().args(args).arg("--target").arg(path).assert()
    };
    passed(load(Defect::None));
    for (defect, part) in [
        (Defect::NoRotation, "wrong: the refresh token was not rotated"),
        (Defect::OneTokenForAll, "wrong: a refresh token was issued twice"),
        (Defect::OtherUser, "wrong: tokens of another user"),
        (Defect::OtherRegion, "wrong: tokens of another environment, region or issuer"),
        (Defect::NoLifetime, "wrong: a response without a token, lifetime or id"),
        (Defect::NotJson, "wrong: a response that is not JSON"),
        (Defect::NoErrorCode, "wrong: a refusal without an error code"),
    ] {
        let out = stdout(&load(defect).code(1));
        assert!(out.contains(part) && out.contains("✗ wrong<=0"), "{part}: {out}");
    }
}

#[test]
fn what_a_server_repeats_of_secrets_is_in_no_report() {
    let vendor = defective_vendor(Defect::Echo);
    let (folder, path) = cloud_at(&vendor, &vendor);
    let [json, html] = ["r.json", "r.html"].map(|name| folder.path().join(name));
    let args = ["load", "-a", "150/s", "-d", "1s", "--installations", "60", "--users", "1", "--progress", "off"];
    let mut command = vouch();
    command.args(args).arg("--target").arg(path).arg("--json").arg(&json).arg("--html").arg(&html);
    let out = stdout(&command.assert().code(1));
    let [json, html] = [json, html].map(|file| std::fs::read_to_string(file).expect("a report"));
    for text in [out, json, html] {
        assert!(text.contains("no quota for [API key 1] and [refresh token 1]"), "{text}");
        assert!(!text.contains("pk_us_wrong") && !text.contains("refresh-1"), "{text}");
    }
}

#[test]
fn an_unchecked_load_accepts_what_a_checked_one_refuses_and_says_so() {
    let vendor = defective_vendor(Defect::NotJsonAtAll);
    let (_folder, path) = cloud_at(&vendor, &vendor);
    let load = |more: &[&str]| {
        let args = ["load", "-w", "exchange", "-a", "50/s", "-d", "1s", "--users", "1", "--tokens", "10"];
        vouch().args(args).args(["--reuse-tokens", "--progress", "off", "--target"]).arg(&path).args(more).assert()
    };
    let checked = stdout(&load(&[]).code(1));
    assert!(checked.contains("wrong: a response that is not JSON"), "{checked}");
    let unchecked = passed(load(&["--unchecked"]));
    assert!(unchecked.contains("only the status of the responses was checked"), "{unchecked}");
    let refused = load(&["--unchecked", "-w", "signIn"]).code(2);
    assert!(stderr(&refused).contains("`--unchecked` measures the generator"), "{}", stderr(&refused));
}
