#!/usr/bin/env python3
"""Opens pages of `experiment report --html` in headless Chromium and checks what a reader would mind.

    python3 scripts/check_page.py PAGE... [--screenshots DIR]

At 360, 768 and 1280 pixels, light and dark, with scripts on and off: the page requests nothing but itself, logs nothing,
does not overflow horizontally, and looks the same without scripts. Headings, tables and images are such that a screen
reader can tell what they are. It prints to PDF. Needs `chromium` of Debian or another Chromium on the path, and
nothing else; without one it says that it was skipped.
"""

import argparse
import base64
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

NAMES = ["chromium", "chromium-browser", "google-chrome", "chrome"]
WIDTHS = [360, 768, 1280]
SCHEMES = ["light", "dark"]

# What is wrong with the document, as a list of sentences.
INSPECT = """(() => {
  const faults = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const ids = all('[id]').map((element) => element.id);
  const repeated = ids.filter((id, place) => ids.indexOf(id) !== place);
  if (repeated.length) faults.push(`ids that occur twice: ${repeated}`);
  for (const image of all('svg')) {
    const labels = (image.getAttribute('aria-labelledby') || '').split(' ');
    const texts = labels.map((id) => document.getElementById(id)?.textContent || '');
    if (image.getAttribute('role') !== 'img' || texts.length !== 2 || texts.includes(''))
      faults.push(`an image without title and description: ${image.outerHTML.slice(0, 80)}`);
  }
  if (all('h1').length !== 1) faults.push('expected one heading h1');
  let level = 0;
  for (const heading of all('h1, h2, h3, h4')) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) faults.push(`the heading ${heading.textContent} skips a level`);
    level = next;
  }
  for (const table of all('table')) {
    if (!table.caption) faults.push('a table without caption');
    const bare = [...table.querySelectorAll('th')].filter((cell) => !cell.scope);
    if (bare.length) faults.push(`headers without scope: ${bare.map((cell) => cell.textContent)}`);
  }
  for (const figure of all('figure'))
    if (!figure.querySelector('figcaption')?.textContent) faults.push('a figure without caption');
  for (const section of all('section'))
    if (!document.getElementById(section.getAttribute('aria-labelledby')))
      faults.push('a section without a heading');
  if (!document.title || !document.documentElement.lang) faults.push('no title or no language');
  for (const element of all('main *')) {
    if (element.closest('.wide, pre, svg, details:not([open])')) continue;
    const { right, width } = element.getBoundingClientRect();
    if (width && right > innerWidth + 1) faults.push(`${element.tagName} reaches ${right} px`);
  }
  return faults;
})()"""


class Browser:
    """Chromium behind the two pipes of its DevTools protocol: messages are JSON, each ended by a zero byte."""

    def __init__(self, program, profile):
        to_child, self.writer = os.pipe()
        self.reader, from_child = os.pipe()
        arguments = [
            program, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe",
            "--no-first-run", "--disable-background-networking", f"--user-data-dir={profile}",
        ]
        # The protocol's pipes are numbers 3 and 4.
        shell = ["sh", "-c", f'exec "$@" 3<&{to_child} 4>&{from_child}', "sh", *arguments]
        self.process = subprocess.Popen(
            shell, pass_fds=(to_child, from_child), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(to_child)
        os.close(from_child)
        self.numbers = itertools.count(1)
        self.buffer = b""
        self.events = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = None
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ["Page", "Network", "Runtime", "Log"]:
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters}
        if getattr(self, "session", None):
            message["sessionId"] = self.session
        os.write(self.writer, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") != number:
                self.events.append(answer)
            elif "error" in answer:
                raise RuntimeError(f"{method}: {answer['error']}")
            else:
                return answer["result"]

    def receive(self):
        while b"\0" not in self.buffer:
            piece = os.read(self.reader, 1 << 20)
            if not piece:
                raise RuntimeError("the browser ended")
            self.buffer += piece
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def open(self, url):
        """Loads a page; returns the events until it has loaded."""
        self.events.clear()
        self.call("Page.navigate", url=url)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.receive())
        return list(self.events)

    def evaluate(self, expression):
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"]["value"]

    def layout(self):
        """Every box with its place, its text and its colours. Pictures of tall pages may miss a part."""
        styles = ["color", "background-color", "fill", "stroke", "font-size"]
        found = self.call("DOMSnapshot.captureSnapshot", computedStyles=styles)
        layout, strings = found["documents"][0]["layout"], found["strings"]
        text = lambda place: strings[place] if place >= 0 else ""
        boxes = zip(layout["bounds"], layout["text"], layout["styles"], strict=True)
        return [(bounds, text(words), [text(style) for style in of_box]) for bounds, words, of_box in boxes]

    def screenshot(self):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        return base64.b64decode(data)

    def close(self):
        self.call("Browser.close")
        self.process.wait(timeout=60)


def faults_of_events(events, url):
    for event in events:
        method, details = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            requested = details["request"]["url"]
            if requested.split("#")[0] != url and not requested.startswith("data:"):
                yield f"requests {requested}"
        elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            yield f"logs {json.dumps(details)[:300]}"


def check(browser, page, screenshots):
    url = page.resolve().as_uri()
    faults = []
    for width, scheme in itertools.product(WIDTHS, SCHEMES):
        browser.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500
        )
        browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        layouts = []
        for is_disabled in [False, True]:
            browser.call("Emulation.setScriptExecutionDisabled", value=is_disabled)
            events = browser.open(url)
            found = list(faults_of_events(events, url))
            if not is_disabled:
                found += browser.evaluate(INSPECT)
            content = browser.call("Page.getLayoutMetrics")["cssContentSize"]["width"]
            if content > width:
                found.append(f"is {content} px wide")
            layouts.append(browser.layout())
            faults += [f"{width} px, {scheme}, scripts {'off' if is_disabled else 'on'}: {fault}" for fault in found]
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
        if not layouts[0] or layouts[0] != layouts[1]:
            faults.append(f"{width} px, {scheme}: looks different without scripts")
        if screenshots:
            (screenshots / f"{page.stem}-{width}-{scheme}.png").write_bytes(browser.screenshot())
    browser.call("Emulation.clearDeviceMetricsOverride")
    browser.call("Emulation.setEmulatedMedia", features=[])
    pdf = base64.b64decode(browser.call("Page.printToPDF", preferCSSPageSize=True)["data"])
    if not pdf.startswith(b"%PDF"):
        faults.append("does not print")
    if screenshots:
        (screenshots / f"{page.stem}.pdf").write_bytes(pdf)
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", type=pathlib.Path, metavar="PAGE")
    parser.add_argument("--screenshots", type=pathlib.Path, metavar="DIR", help="keep pictures and a PDF of each page")
    arguments = parser.parse_args()
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        print(f"skipped: none of {', '.join(NAMES)} is installed")
        return 0
    if arguments.screenshots:
        arguments.screenshots.mkdir(parents=True, exist_ok=True)
    has_faults = False
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(program, profile)
        for page in arguments.pages:
            faults = check(browser, page, arguments.screenshots)
            has_faults |= bool(faults)
            for fault in faults:
                print(f"{page}: {fault}")
            if not faults:
                print(f"{page}: ok ({page.stat().st_size / 1000:.0f} kB)")
        browser.close()
    return int(has_faults)


if __name__ == "__main__":
    sys.exit(main())
