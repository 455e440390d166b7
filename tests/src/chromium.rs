//! A real Chromium without a window. What its pages ask for and complain of is there to be looked at; it ends with its handle.

use std::{path::Path, time::Duration};

use chromiumoxide::{
    Browser, BrowserConfig, Page,
    cdp::{
        IntoEventKind,
        browser_protocol::{
            browser::BrowserContextId,
            emulation::{
                MediaFeature, SetDeviceMetricsOverrideParams, SetEmulatedMediaParams,
                SetScriptExecutionDisabledParams,
            },
            input::InsertTextParams,
            log::{EventEntryAdded, LogEntryLevel},
            network::EventRequestWillBeSent,
            page::{EventLoadEventFired, NavigateParams, ReloadParams},
            target::{CreateBrowserContextParams, CreateTargetParams},
        },
        js_protocol::runtime::{
            ConsoleApiCalledType, EvaluateParams, EventConsoleApiCalled, EventExceptionThrown,
        },
    },
    layout::Point,
    listeners::EventStream,
    page::ScreenshotParams,
};
use futures_util::{FutureExt, StreamExt};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::timeout;

/// The longest that anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running browser.
#[derive(Debug)]
pub struct Chromium {
    browser: Browser,
    _profile: TempDir,
}

impl Chromium {
    /// Starts one with a profile of its own.
    pub async fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let config = BrowserConfig::builder()
            .new_headless_mode()
            // Where tests run as root there is no sandbox; the pages are our own.
            .no_sandbox()
            .disable_https_first()
            .user_data_dir(profile.path())
            .viewport(None)
            .window_size(1280, 900)
            .launch_timeout(PATIENCE)
            .request_timeout(PATIENCE)
            .build()
            .expect("chromium is installed");
        let (browser, mut handler) = Browser::launch(config).await.expect("chromium starts");
        tokio::spawn(async move { while handler.next().await.is_some() {} });
        Self { browser, _profile: profile }
    }

    /// Another person, who shares no cookie with anybody, before an empty page.
    pub async fn person(&self) -> Tab {
        let context =
            self.browser.create_browser_context(CreateBrowserContextParams::default()).await.unwrap();
        Tab::new(&self.browser, context).await
    }

    /// Ends it in order.
    pub async fn close(mut self) {
        self.browser.close().await.unwrap();
        self.browser.wait().await.unwrap();
    }
}

/// A page that somebody looks at.
#[derive(Debug)]
pub struct Tab {
    page: Page,
    requests: EventStream<EventRequestWillBeSent>,
    entries: EventStream<EventEntryAdded>,
    console: EventStream<EventConsoleApiCalled>,
    exceptions: EventStream<EventExceptionThrown>,
}

impl Tab {
    async fn new(browser: &Browser, context: BrowserContextId) -> Self {
        let target = CreateTargetParams::builder().url("about:blank").browser_context_id(context);
        let page = browser.new_page(target.build().unwrap()).await.unwrap();
        page.enable_log().await.unwrap();
        page.enable_runtime().await.unwrap();
        Self {
            requests: listen(&page).await,
            entries: listen(&page).await,
            console: listen(&page).await,
            exceptions: listen(&page).await,
            page,
        }
    }

    /// Opens a page.
    pub async fn open(&self, url: &str) {
        self.led(async { self.page.execute(NavigateParams::new(url)).await.unwrap() }).await;
    }

    /// Asks for the page again.
    pub async fn reload(&self) {
        self.led(async { self.page.execute(ReloadParams::default()).await.unwrap() }).await;
    }

    /// Does what leads to another page, and waits until that is there.
    async fn led<T>(&self, act: impl Future<Output = T>) {
        self.led_over(1, act).await;
    }

    /// The same over so many pages, each of which leads to the next one by itself.
    async fn led_over<T>(&self, pages: usize, act: impl Future<Output = T>) {
        let mut loads = listen::<EventLoadEventFired>(&self.page).await;
        act.await;
        for _ in 0..pages {
            timeout(PATIENCE, loads.next()).await.expect("no page comes").expect("the browser is there");
        }
    }

    /// What an expression is in the page; a promise is waited for.
    pub async fn ask(&self, expression: &str) -> Value {
        let asked =
            EvaluateParams::builder().expression(expression).await_promise(true).return_by_value(true);
        let answer = timeout(PATIENCE, self.page.execute(asked.build().unwrap())).await;
        let answer = answer.unwrap_or_else(|_| panic!("no answer: {expression}")).unwrap().result;
        assert!(answer.exception_details.is_none(), "{expression}: {:?}", answer.exception_details);
        answer.result.value.unwrap_or(Value::Null)
    }

    /// Waits until an expression is true in the page, which changes meanwhile without being loaded anew.
    pub async fn until(&self, expression: &str) {
        let promise = format!(
            "new Promise((resolve) => {{
                const look = () => {{ if ({expression}) {{ watch.disconnect(); resolve(true); }} }};
                const watch = new MutationObserver(look);
                watch.observe(document, {{ subtree: true, childList: true, characterData: true, attributes: true }});
                look();
            }})"
        );
        assert_eq!(self.ask(&promise).await, true);
    }

    /// The text that is to be seen.
    pub async fn text(&self) -> String {
        self.ask("document.body.innerText").await.as_str().unwrap().to_owned()
    }

    /// The first level's heading.
    pub async fn heading(&self) -> String {
        self.ask("document.querySelector('h1').innerText").await.as_str().unwrap().to_owned()
    }

    /// Where it is.
    pub async fn url(&self) -> url::Url {
        self.ask("location.href").await.as_str().unwrap().parse().unwrap()
    }

    /// Writes a text in the place of what a field has.
    pub async fn fill(&self, selector: &str, text: &str) {
        let focus =
            format!("(() => {{ const e = {}; e.focus(); e.select(); return true; }})()", find(selector));
        assert_eq!(self.ask(&focus).await, true);
        self.page.execute(InsertTextParams::new(text)).await.unwrap();
    }

    /// Picks one of a list.
    pub async fn pick(&self, selector: &str, value: &str) {
        let pick = format!(
            "(() => {{ const e = {}; e.value = {}; e.dispatchEvent(new Event('change', {{ bubbles: true }})); \
             return e.value; }})()",
            find(selector),
            Value::from(value)
        );
        assert_eq!(self.ask(&pick).await, value, "{selector}");
    }

    /// Picks one of a list, which leads to another page.
    pub async fn choose(&self, selector: &str, value: &str) {
        self.led(self.pick(selector, value)).await;
    }

    /// Presses what leads to another page, where the mouse really meets it.
    pub async fn press(&self, selector: &str) {
        self.press_over(1, selector).await;
    }

    /// Presses what leads to another page, and over so many of them.
    pub async fn press_over(&self, pages: usize, selector: &str) {
        let place = format!(
            "(() => {{
                const e = {};
                e.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                const box = e.getBoundingClientRect();
                const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
                const met = document.elementFromPoint(x, y);
                return {{ x, y, met: e.contains(met) }};
            }})()",
            find(selector)
        );
        let place = self.ask(&place).await;
        assert_eq!(place["met"], true, "something lies above {selector}");
        let point = Point::new(place["x"].as_f64().unwrap(), place["y"].as_f64().unwrap());
        self.led_over(pages, async { self.page.click(point).await.unwrap() }).await;
    }

    /// Presses a key that leads to another page.
    pub async fn press_enter(&self, selector: &str) {
        let field = self.page.find_element(selector).await.unwrap();
        self.led(async { field.press_key("Enter").await.unwrap() }).await;
    }

    /// The addresses that were asked for until now and not looked at yet.
    pub async fn requests(&mut self) -> Vec<String> {
        self.settle().await;
        taken(&mut self.requests).iter().map(|event| event.request.url.clone()).collect()
    }

    /// The errors and warnings that the console has and that were not looked at yet.
    pub async fn complaints(&mut self) -> Vec<String> {
        self.settle().await;
        let mut found: Vec<_> = taken(&mut self.exceptions)
            .iter()
            .map(|event| format!("{:?}", event.exception_details))
            .collect();
        for event in taken(&mut self.console) {
            if matches!(
                event.r#type,
                ConsoleApiCalledType::Error | ConsoleApiCalledType::Warning | ConsoleApiCalledType::Assert
            ) {
                found.push(format!("{:?}", event.args));
            }
        }
        for event in taken(&mut self.entries) {
            if matches!(event.entry.level, LogEntryLevel::Error | LogEntryLevel::Warning) {
                let url = event.entry.url.clone().unwrap_or_default();
                found.push(format!("{} {url}", event.entry.text));
            }
        }
        found
    }

    /// What happened before an answer has been handed on when the next one comes.
    async fn settle(&self) {
        for _ in 0..2 {
            self.ask("0").await;
        }
    }

    /// Makes the window so wide, and light or dark.
    pub async fn look(&self, width: i64, scheme: &str) {
        let metrics = SetDeviceMetricsOverrideParams::new(width, 900, 1.0, width < 600);
        self.page.execute(metrics).await.unwrap();
        let scheme = MediaFeature::new("prefers-color-scheme", scheme);
        self.page.execute(SetEmulatedMediaParams::builder().feature(scheme).build()).await.unwrap();
    }

    /// Runs no script of any page from now on.
    pub async fn without_script(&self) {
        self.page.execute(SetScriptExecutionDisabledParams::new(true)).await.unwrap();
    }

    /// Keeps a picture of the whole page.
    pub async fn picture(&self, file: &Path) {
        let wanted = ScreenshotParams::builder().full_page(true).build();
        let picture = self.page.screenshot(wanted).await.unwrap();
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, picture).unwrap();
    }
}

async fn listen<T: IntoEventKind>(page: &Page) -> EventStream<T> {
    page.event_listener().await.unwrap()
}

/// What is there of a stream.
fn taken<T: IntoEventKind + Unpin>(stream: &mut EventStream<T>) -> Vec<std::sync::Arc<T>> {
    std::iter::from_fn(|| stream.next().now_or_never().flatten()).collect()
}

/// The expression that finds an element.
fn find(selector: &str) -> String {
    format!("document.querySelector({})", Value::from(selector))
}
