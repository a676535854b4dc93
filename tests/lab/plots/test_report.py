# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of emissions, in a real browser."""

import base64
import re

import numpy as np
import pytest
from browser import CHROMIUM, Browser, Page
from sr2cnn_learn.plots.report import write_report
from sr2cnn_learn.recordings import open_recording

RATE, CENTER = 1e6, 868.95e6
HOSTILE = "<script>hacked=1</script><img src=x onerror=hacked=1>\u202e\" ' {{ 7*7 }}"
DESCRIPTION = {"family": "FM/FSK", "envelope": "constant", "bandwidth": 0.2}
EVENTS = [
    dict(
        emission=1, start_sample=20_000, n_samples=30_000, frequency_offset=200e3, bandwidth=50e3, snr=20.04
    ),
    dict(emission=2, start_sample=60_000, n_samples=8_000, frequency_offset=-300e3, bandwidth=20e3, snr=3.0),
    dict(emission=3, start_sample=120_000, n_samples=50_000, frequency_offset=0, bandwidth=100e3, snr=11.5),
    dict(emission=4, start_sample=150_000, n_samples=10_000, frequency_offset=400e3, bandwidth=10e3),
]
VERDICTS = [
    dict(
        label="QPSK", known=True, confidence=0.93, candidates=[["QPSK", 0.93], ["8PSK", 0.05]], family="PSK"
    ),
    dict(label="unknown_1", known=False, score=1.4, description=DESCRIPTION),
    dict(label="unknown_1", known=False, score=1.2, description=DESCRIPTION),
    dict(label=None, reason="shorter than a frame"),
]


def events(**changes):
    return [{"event": "emission", **place, **verdict, **changes} for place, verdict in zip(EVENTS, VERDICTS)]


def recording(folder, **options):
    rng = np.random.default_rng(1)
    samples = 0.01 * (rng.standard_normal((200_000, 2)) @ [1, 1j])
    for event in EVENTS:
        start, n = event["start_sample"], event["n_samples"]
        samples[start : start + n] += 0.1 * np.exp(
            2j * np.pi * event["frequency_offset"] / RATE * np.arange(n)
        )
    path = folder / "<b>band.cf32"
    path.write_bytes(samples.astype(np.complex64).tobytes())
    return open_recording(path, **options)


def report(folder, told=None, facts=(), rate=RATE, center=CENTER):
    path = folder / "report.html"
    told = events() if told is None else told
    write_report(path, recording(folder, sample_rate=rate, center_frequency=center), told, facts)
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if not CHROMIUM:
        pytest.skip("there is no Chromium (Debian's package chromium)")
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return report(tmp_path_factory.mktemp("report"), facts=[("Command", "sr2cnn classify a.cf32")])


@pytest.fixture
def page(browser, written):
    page = Page(browser)
    page.open(written.as_uri())
    return page


def view(page):
    return [
        float(number) for number in page.js("document.querySelector('svg').getAttribute('viewBox')").split()
    ]


def column(page, title):
    """Texts of a column, as the rows stand."""
    return page.js(
        f"""(() => {{
            const titles = [...document.querySelectorAll("th")].map((th) => th.textContent);
            const at = titles.findIndex((each) => each.startsWith("{title}"));
            return [...document.querySelectorAll("tbody tr")].map((row) => row.cells[at].textContent);
        }})()"""
    )


def selected(page):
    return page.js("[...document.querySelectorAll('.selected')].map((one) => one.id || one.dataset.row)")


def test_what_it_says(page):
    assert page.js("document.querySelector('h1').textContent") == "<b>band.cf32"
    assert (
        page.js("document.querySelector('header p').textContent")
        == "4 emissions, 2 classes, 1 of them discovered"
    )
    assert column(page, "#") == ["1", "2", "3", "4"]
    assert column(page, "class") == ["QPSK", "unknown_1", "unknown_1", "not judged"]
    assert column(page, "start, ms") == ["20.00", "60.00", "120.00", "150.00"]
    assert column(page, "frequency, MHz") == ["869.1500", "868.6500", "868.9500", "869.3500"]
    assert column(page, "width, kHz") == ["50", "20", "100", "10"]
    assert column(page, "SNR") == ["20.0", "3.0", "11.5", ""]
    assert (
        column(page, "sure") == ["93", "", "", ""] and column(page, "likeliest")[0] == "QPSK 93 %, 8PSK 5 %"
    )
    looks = "FM/FSK, constant envelope, 0.2 fs wide"
    assert column(page, "looks like") == ["", looks, looks, "shorter than a frame"]
    assert not page.js("document.body.textContent.includes('frames')")  # a column that nobody has
    card = page.js("document.querySelector('article').textContent")
    assert "▲ unknown_1 2" in card and looks in card and "at 120 ms, 868.95 MHz" in card
    facts = page.js("[...document.querySelectorAll('dd')].map((each) => each.textContent)")
    assert facts[1:] == ["200,000 of cf32", "1 MHz", "0.2 s", "868.95 MHz", "sr2cnn classify a.cf32"]


def test_boxes_are_where_the_emissions_are(page):
    boxes = page.js(
        "[...document.querySelectorAll('rect')].map((r) => ['data-row', 'x', 'y', 'width', 'height']"
        ".map((name) => Number(r.getAttribute(name))))"
    )
    assert sorted(boxes)[0] == pytest.approx([0, 100, 275, 150, 50])
    assert sorted(boxes)[2] == pytest.approx([2, 600, 450, 250, 100])
    styles = page.js(
        "[...document.querySelectorAll('rect')].map((r) => [r.dataset.row, r.getAttribute('class')])"
    )
    assert dict(styles) == {"0": "known", "1": "new", "2": "new", "3": "none"}
    assert sorted(page.js("[...document.querySelectorAll('.labels span')].map((s) => s.textContent)")) == [
        "QPSK",
        "▲ unknown_1",
        "▲ unknown_1",
    ]
    ticks = page.js("[...document.querySelectorAll('.time span')].map((s) => Number(s.textContent))")
    assert ticks[0] == 0 and ticks[-1] == 200 and len(ticks) > 4


def test_no_network_and_no_errors(page, written):
    requests = [told["request"]["url"] for told in page.told("Network.requestWillBeSent")]
    assert {url for url in requests if not url.startswith("data:image/png;base64,")} == {written.as_uri()}
    assert not page.told("Runtime.exceptionThrown")
    assert not [told for told in page.told("Log.entryAdded") if told["entry"]["level"] == "error"]
    links = re.findall(r'(?:src|href)="([^"]*)"', written.read_text())
    assert all(link.startswith(("data:image/png;base64,", "#emission-")) for link in links)


def test_sorting(page):
    page.click("th:nth-child(7) button")
    assert column(page, "SNR") == ["3.0", "11.5", "20.0", ""]
    page.click("th:nth-child(7) button")
    assert column(page, "SNR") == ["20.0", "11.5", "3.0", ""]
    assert page.js("document.querySelector('[aria-sort]').textContent") == "SNR, dB"
    page.click("th:nth-child(2) button")
    assert column(page, "class") == ["QPSK", "unknown_1", "unknown_1", "not judged"]


def test_the_wheel_zooms_about_the_pointer(page):
    x, y = page.middle(".view")
    at = page.js(
        "(() => { const a = document.querySelector('.view').getBoundingClientRect(); "
        "return [a.x, a.y, a.width, a.height]; })()"
    )
    x, y = at[0] + at[2] / 4, at[1] + at[3] / 2
    page.mouse("mouseWheel", x, y, deltaX=0, deltaY=-400)
    left, top, wide, high = view(page)
    assert wide == high < 600
    assert left + wide / 4 == pytest.approx(250, abs=1) and top + high / 2 == pytest.approx(500, abs=1)
    page.mouse("mouseWheel", x, y, deltaX=0, deltaY=-400, modifiers=8)  # Shift
    assert view(page)[2] < wide and view(page)[3] == high
    page.mouse("mouseWheel", x, y, deltaX=0, deltaY=-400, modifiers=1)  # Alt
    assert view(page)[3] < high
    before = view(page)
    page.drag(x, y, x + at[2] / 10, y)
    assert view(page)[0] == pytest.approx(before[0] - before[2] / 10, rel=0.01) and view(page)[1] == before[1]
    assert selected(page) == []  # that was no click
    page.click("[data-do=all]")
    assert view(page) == [0, 0, 1000, 1000]


def test_keys(page):
    page.js("document.getElementById('picture').focus()")
    page.key("+")
    wide = view(page)[2]
    assert wide == pytest.approx(1000 / 1.5, abs=0.1)
    page.key("ArrowRight")
    page.key("ArrowUp")
    assert view(page)[0] > 260 and view(page)[1] < 100
    page.key("-")
    assert view(page) == [0, 0, 1000, 1000]
    for _ in range(40):
        page.key("+")
    assert view(page)[2] == 2  # the closest
    page.key("0")
    assert view(page) == [0, 0, 1000, 1000]


def test_two_fingers(page):
    x, y = page.middle(".view")
    page.fingers([(x - 50, y), (x + 50, y)], [(x - 100, y), (x + 100, y)], [(x - 150, y), (x + 150, y)])
    left, top, wide, high = view(page)
    assert wide == high == pytest.approx(1000 / 3, rel=0.1)
    assert left + wide / 2 == pytest.approx(500, abs=30) and top + high / 2 == pytest.approx(500, abs=30)


def test_boxes_and_rows_go_together(page):
    page.click("tbody tr:nth-child(3) td:nth-child(2)")
    assert selected(page) == ["2", "emission-2"] and page.js("location.hash") == "#emission-2"
    page.click("rect[data-row='0']")
    assert selected(page) == ["0", "emission-0"]
    x, y = page.middle("rect[data-row='1']")
    page.mouse("mouseMoved", x, y)
    tip = page.js("document.getElementById('tip').hidden || document.getElementById('tip').innerText")
    assert "class: unknown_1" in tip and "SNR, dB: 3.0" in tip and "sure" not in tip
    page.key("Escape")
    assert selected(page) == []
    for _ in range(2):  # from the same address, too
        page.click("article a")
        assert selected(page) == ["2", "emission-2"] and view(page)[2] == pytest.approx(750)
        page.click("[data-do=all]")


def test_a_link_to_an_emission(browser, written):
    page = Page(browser)
    page.open(f"{written.as_uri()}#emission-1")
    assert selected(page) == ["1", "emission-1"]
    left, top, wide, high = view(page)
    assert (left, wide) == pytest.approx((260, 120)) and (top, high) == pytest.approx((770, 60))


def test_classes_are_shown_and_hidden(page):
    page.click(".legend button:nth-child(2)")
    shown = "[...document.querySelectorAll('tbody tr')].map((row) => row.checkVisibility())"
    assert page.js(shown) == [True, False, False, True]
    assert page.js("[...document.querySelectorAll('rect')].filter((r) => r.checkVisibility()).length") == 2
    page.click(".legend button:nth-child(2)")
    assert all(page.js(shown))


def test_light_dark_and_print(page):
    def lightness():
        colour = page.js("getComputedStyle(document.body).backgroundColor")
        return np.mean([int(number) for number in re.findall(r"\d+", colour)[:3]])

    def emulate(media, scheme):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        page.call("Emulation.setEmulatedMedia", media=media, features=features)

    emulate("", "light")
    assert lightness() > 240
    emulate("", "dark")
    assert lightness() < 40
    emulate("print", "dark")
    assert lightness() > 240
    emulate("", "light")
    printed = base64.b64decode(page.call("Page.printToPDF", printBackground=True)["data"])
    assert printed.startswith(b"%PDF") and 1 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 3


def test_what_strangers_write_is_text(browser, tmp_path):
    told = [
        {**event, **dict.fromkeys(("label", "family", "reason", "emission"), HOSTILE)} for event in events()
    ]
    told[0].update(candidates=[[HOSTILE, 0.5]], description={"family": HOSTILE}, reason=None)
    told[1].update(candidates=HOSTILE, description=[HOSTILE], snr="1", symbol_rate={}, reason=7)
    for k, event in enumerate(told):
        event.update(emission=[f"{HOSTILE}{k}", 7, True, None][k], known=False)
    path = report(tmp_path, told, facts=[(HOSTILE, HOSTILE)])
    page = Page(browser)
    page.open(path.as_uri())
    assert (
        page.js("typeof hacked") == "undefined"
        and page.js("document.querySelectorAll('script, img').length") == 2
    )
    assert "\u202e" not in path.read_text() and "49" not in column(page, "class")[0]
    assert column(page, "class")[0].startswith("<script>hacked=1</script>")
    assert page.js("document.querySelector('dt:last-of-type').textContent").startswith("<script>")
    page.js(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'hacked = 2'}))"
    )
    assert page.js("typeof hacked") == "undefined"  # the page allows none but its own
    assert not page.told("Runtime.exceptionThrown")


@pytest.mark.parametrize("told", [[], [{"event": "emission"}], events()[:1]], ids=["none", "no place", "one"])
def test_little_to_tell(browser, tmp_path, told):
    page = Page(browser)
    page.open(report(tmp_path, told, rate=None, center=None).as_uri())
    assert column(page, "#") == [] and not page.told("Runtime.exceptionThrown")
    assert page.js("document.querySelector('.legend').innerText") == "no emission"
    assert page.js("document.querySelector('.time b').textContent") == "sample"


def test_emissions_beside_the_recording(tmp_path):
    """Events that are another recording's."""
    far = [
        {**event, "start_sample": 10**9, "frequency_offset": offset, "bandwidth": width}
        for event, offset, width in zip(events(known=False), (0, 9e9, -9e9, 0), (0, 1e9, 0, 1e-9))
    ]
    assert "emission-3" in report(tmp_path, far).read_text()


def test_more_than_a_browser_takes(tmp_path):
    many = [{**event, "emission": 4 * k + i} for k in range(1500) for i, event in enumerate(events(snr=10.0))]
    many[7]["snr"] = 3.0
    text = report(tmp_path, many).read_text()
    assert text.count("<tr id=") == text.count("<rect ") == 5000
    assert "The 5000 strongest; 1000 weaker ones are left out here." in text
    assert len(text) < 12_000_000
