//! `flowmastery demo` as somebody who wants to look meets it: a link, a sign-in, and numbers behind it.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Stdio},
};

use super::harness::{Place, failed};

/// The demonstration while it runs, and what it said of itself.
struct Demo {
    place: Place,
    child: Child,
    address: String,
    password: String,
}

impl Demo {
    fn start(args: &[&str], settings: &[(&str, &str)]) -> Self {
        let place = Place::new();
        let mut child = place.command(args, settings).stderr(Stdio::inherit()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        // The last word of a line that begins with this one.
        let mut said = |word: &str| {
            let line = lines.find(|line| line.trim_start().starts_with(word));
            line.and_then(|line| Some(line.split_whitespace().last()?.to_owned())).unwrap()
        };
        let link = said("Open");
        let password = said("Password");
        // What is said later has a reader, too.
        std::thread::spawn(move || lines.for_each(drop));
        let address = link.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/dashboard"));
        let address = address.unwrap_or_else(|| panic!("no link to a dashboard: {link}")).to_owned();
        Self { place, child, address, password }
    }

    /// Head and body of an answer.
    fn ask(&self, head: &str, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let address = &self.address;
        write!(
            stream,
            "{head}\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    /// Signs in as a page of its own does, and gives the cookies back.
    fn sign_in(&self, email: &str) -> String {
        let form = "POST /dashboard/sign-in HTTP/1.1\r\nSec-Fetch-Site: same-origin\r\n\
                    Content-Type: application/x-www-form-urlencoded";
        let body = format!("email={}&password={}", email.replace('@', "%40"), self.password);
        let (head, body) = self.ask(form, &body);
        assert!(head.starts_with("HTTP/1.1 303"), "{head}\n{body}");
        let cookies = head.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
        cookies.map(|cookie| cookie.split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
    }

    fn page(&self, path: &str, cookies: &str) -> String {
        let (head, body) = self.ask(&format!("GET {path} HTTP/1.1\r\nCookie: {cookies}"), "");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}\n{body}");
        body
    }

    fn end(&mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The ports at the own end of every socket of a process that speaks TCP or UDP.
#[cfg(target_os = "linux")]
fn own_ports(process: u32) -> BTreeMap<u16, usize> {
    let sockets: Vec<String> = fs::read_dir(format!("/proc/{process}/fd"))
        .unwrap()
        .filter_map(|file| fs::read_link(file.unwrap().path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let mut found = BTreeMap::new();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let rows = fs::read_to_string(format!("/proc/{process}/net/{table}")).unwrap_or_default();
        for row in rows.lines().skip(1) {
            let cells: Vec<_> = row.split_whitespace().collect();
            if sockets.iter().any(|socket| socket == cells[9]) {
                let (_, port) = cells[1].rsplit_once(':').unwrap();
                *found.entry(u16::from_str_radix(port, 16).unwrap()).or_default() += 1;
            }
        }
    }
    found
}

#[test]
fn the_demo_shows_numbers_to_both_it_names_keeps_nothing_and_calls_nobody() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    // Nothing of these is to lead it anywhere.
    let settings = [
        ("HTTP_PROXY", url.as_str()),
        ("http_proxy", &url),
        ("DATABASE_URL", "sqlite://real.db"),
        ("SMTP_HOST", "127.0.0.1"),
        ("LOG_FILE", "app.log"),
    ];
    let mut demo = Demo::start(&["demo", "--bind", "127.0.0.1:0"], &settings);

    let client = demo.sign_in("maria@harbour-coffee.example");
    let own = demo.page("/dashboard", &client);
    assert!(own.contains("Harbour Coffee Roasters") && own.contains("<svg"), "{own}");
    assert!(!own.contains("Lindgren"), "another client's");
    let (_, port) = demo.address.rsplit_once(':').unwrap();
    let n8n = format!("href=\"http://harbour-coffee.localhost:{port}/n8n/workflow/");
    assert!(own.contains(&n8n), "{own}");
    assert!(demo.page("/n8n/workflow/1", "").contains("simulated"), "links lead somewhere");
    let admin = demo.sign_in("admin@northwind.example");
    let all = demo.page("/dashboard", &admin);
    for client in ["Harbour Coffee Roasters", "Lindgren Logistics", "Clínica Sant Martí", "Brightside Energy"]
    {
        assert!(all.contains(client), "{all}");
    }

    #[cfg(target_os = "linux")]
    {
        let port = demo.address.rsplit_once(':').unwrap().1.parse::<u16>().unwrap();
        let ports = own_ports(demo.child.id());
        assert_eq!(ports.keys().collect::<Vec<_>>(), [&port], "it listens, and speaks to nobody else");
    }
    assert_eq!(demo.end(), Some(0));
    assert!(proxy.accept().is_err(), "nobody called");
    let files: Vec<_> = fs::read_dir(demo.place.path("")).unwrap().collect();
    assert!(files.is_empty(), "{files:?}");
}

#[test]
fn a_port_that_was_asked_for_and_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = failed(&Place::new().run(&["demo", "--bind", &address], &[], ""));
    assert!(refused.contains(&address) && refused.contains("--bind"), "{refused}");
}

#[test]
fn where_the_usual_port_is_taken_the_link_leads_to_another() {
    // Whoever has it, it is taken.
    let _taken = TcpListener::bind("127.0.0.1:8000");
    let demo = Demo::start(&["demo"], &[]);
    assert_ne!(demo.address, "127.0.0.1:8000");
    assert!(demo.page("/dashboard/sign-in", "").contains("<form"));
}
