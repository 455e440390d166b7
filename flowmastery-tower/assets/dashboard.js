// What the pages do beyond being read: numbers that change without a reload, filters that need no button, and time zones to choose from.
"use strict";

// The part of the page that is watched is fetched anew when the server says that something changed.
const live = document.querySelector("[data-live]");
if (live && window.EventSource) {
    const events = new EventSource(live.dataset.live);
    events.addEventListener("changed", async () => {
        const answer = await fetch(location.href, { headers: { accept: "text/html" } });
        // Signed out, or the server is away: the page stays as it is until it is asked for again.
        if (!answer.ok || answer.redirected) return;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.querySelector("[data-live]");
        const open = [...live.querySelectorAll("details[open]")].map((details) => details.querySelector("summary").textContent);
        if (!fresh) return;
        const places = [...live.querySelectorAll(".chart, .scroll")].map((part) => [part.scrollLeft, part.scrollTop]);
        live.replaceChildren(...fresh.childNodes);
        for (const details of live.querySelectorAll("details")) {
            details.open = open.includes(details.querySelector("summary").textContent);
        }
        for (const [at, part] of live.querySelectorAll(".chart, .scroll").entries()) {
            [part.scrollLeft, part.scrollTop] = places[at] ?? [0, 0];
        }
    });
}

// What is newest is seen first where the chart is wider than its place.
const toTheEnd = () => document.querySelectorAll(".chart").forEach((chart) => { chart.scrollLeft = chart.scrollWidth; });
toTheEnd();

// A choice is asked for at once.
for (const form of document.querySelectorAll("form[data-auto]")) {
    form.addEventListener("change", (event) => {
        if (event.target.type !== "search") form.requestSubmit();
    });
}

// The names of time zones, the browser's own first.
const zones = document.getElementById("zones");
if (zones && Intl.supportedValuesOf) {
    const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
    for (const zone of new Set([own, "UTC", ...Intl.supportedValuesOf("timeZone")])) {
        if (zone) zones.append(new Option(zone, zone));
    }
}

// What is made for paper can be printed.
for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
}
