"""A real browser for tests and benchmarks: headless Chromium, spoken to over a pair of pipes, with nothing to install.

The language is the DevTools protocol: JSON messages, each ended by a zero byte. Clicks, keys and the pointer go through
the browser's own input, so that what a test does is what a person can do.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PROGRAM = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--remote-debugging-pipe",
)
PATIENCE = 60.0  # seconds
TOLD_WITHIN = 0.25  # seconds, after the browser has drawn what an input has changed
KEYS = {"Enter": 13, "Space": 32, "End": 35, "Home": 36, "Left": 37, "Up": 38, "Right": 39, "Down": 40, "Tab": 9}
KEYS |= {"Escape": 27, "PageUp": 33, "PageDown": 34}
REACHED = """(element => {
  const { x, y, width, height } = element.getBoundingClientRect();
  const shares = [...Array(24).keys()].map(i => (i + 0.5) / 24).sort((a, b) => Math.abs(a - 0.5) - Math.abs(b - 0.5));
  const reaches = ([atX, atY]) => element.contains(document.elementFromPoint(atX, atY));
  const along = [0.5, ...shares];
  const places = along.flatMap(down => along.map(right => [x + right * width, y + down * height]));
  return places.find(reaches) ?? places[0];
})"""
WATCH = """window.answers ||= (() => {
  const found = [];
  const isAsked = ({ startTime }) => startTime >= window.asked; // not what the pointer did before
  const note = list => found.push(...list.getEntries().filter(isAsked).map(entry => entry.duration));
  new PerformanceObserver(note).observe({ type: "event", durationThreshold: 16 });
  return found;
})(), window.asked = performance.now(), window.answers.splice(0)"""


class Browser:
    """A running Chromium with one page.

    Attributes:
        messages: errors and warnings that the page has put on its console, and scripts' uncaught errors.
        requests: every address that the page has asked for.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", send: int, receive: int) -> None:
        self.process, self._send, self._receive = process, send, receive
        self._rest, self._count, self._session = b"", 0, ""
        self._worlds: dict[str, int] = {}  # frame -> where its scripts run
        self.messages: list[str] = []
        self.requests: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    # -- the protocol --------------------------------------------------------------------------------------------------

    def call(self, method: str, **parameters: Any) -> Any:
        """Ask the browser for something and wait for its answer."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._count:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self._note(answer)

    def _next(self) -> Any:
        while b"\0" not in self._rest:
            assert select.select([self._receive], [], [], PATIENCE)[0], f"no answer from the browser in {PATIENCE} s"
            more = os.read(self._receive, 1 << 20)
            assert more, "the browser has ended"
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _note(self, event: Any) -> None:
        method, parameters = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.messages.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded":
            self.messages.append(parameters["entry"]["text"])
        elif method == "Runtime.consoleAPICalled":
            self.messages.append(f"{parameters['type']}: {parameters['args']}")
        elif method == "Runtime.executionContextCreated":
            self._worlds[parameters["context"]["auxData"]["frameId"]] = parameters["context"]["id"]
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])

    # -- what a person does --------------------------------------------------------------------------------------------

    def open(self, path: Path) -> None:
        """Open a file, wait until it is loaded, and fail if it complains."""
        self.messages.clear()
        self.requests.clear()
        self.call("Page.navigate", url=path.as_uri())
        self.wait_for(f"document.readyState === 'complete' && location.href === {json.dumps(path.as_uri())}")
        assert not self.messages, self.messages

    def run(self, script: str, frame: int | None = None) -> Any:
        """The value of an expression in the page, or in a frame of it; a promise's value is waited for."""
        where = {}
        if frame is not None:
            tree = self.call("Page.getFrameTree")["frameTree"]
            where = {"contextId": self._worlds[tree["childFrames"][frame]["frame"]["id"]]}
        done = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, **where)
        if "exceptionDetails" in done:
            raise AssertionError(done["exceptionDetails"]["exception"].get("description", done["exceptionDetails"]))
        return done["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Wait until an expression is true."""
        until = time.monotonic() + PATIENCE
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < until, f"waited in vain for {condition}"
            time.sleep(0.01)

    def place(self, selector: str) -> tuple[float, float]:
        """Where the pointer reaches the first element that a selector names: at its middle, or else near it."""
        x, y = self.run(f"{REACHED}(document.querySelector({json.dumps(selector)}))")
        return x, y

    def point(self, selector: str) -> tuple[float, float]:
        """Move the pointer to an element."""
        x, y = self.place(selector)
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        return x, y

    def click(self, selector: str) -> None:
        """Press and release the mouse on an element."""
        x, y = self.point(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def drag(self, selector: str, right: float, down: float) -> None:
        """Press the mouse on an element, move it in steps, and release it."""
        x, y = self.point(selector)
        self.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", buttons=1, clickCount=1)
        for i in range(1, 6):
            at = {"x": x + right * i / 5, "y": y + down * i / 5}
            self.call("Input.dispatchMouseEvent", type="mouseMoved", button="left", buttons=1, **at)
        self.call("Input.dispatchMouseEvent", type="mouseReleased", button="left", clickCount=1, **at)

    def wheel(self, selector: str, turn: float) -> None:
        """Turn the wheel over an element."""
        x, y = self.point(selector)
        self.call("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=turn)

    def press(self, key: str, shift: bool = False) -> None:
        """Press and release a key: a character, or a name from KEYS."""
        code = KEYS.get(key, ord(key[0].upper()))
        name = {"Space": " "}.get(key, f"Arrow{key}" if 37 <= code <= 40 and key in KEYS else key)
        text = {"Space": " ", "Enter": "\r"}.get(key, key if key not in KEYS else "")
        common = {"key": name, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text: str) -> None:
        """Type a text into what has the focus."""
        self.call("Input.insertText", text=text)

    def answer(self, act: Callable[[], None]) -> float:
        """The seconds from an input until its effect is seen, as the browser tells pages: to 8 ms, 16 ms or more.

        A click is several events, some of them told before the last one is on the screen: the slowest counts.
        """
        self.run(WATCH)
        act()
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        slowest, until = 16.0, time.monotonic() + TOLD_WITHIN  # a shorter one is not told
        while time.monotonic() < until:
            if found := self.run("Math.max(...window.answers.splice(0), 0)"):
                slowest, until = max(slowest, found), time.monotonic() + TOLD_WITHIN
            time.sleep(0.02)
        return slowest / 1000

    # -- how it is looked at -------------------------------------------------------------------------------------------

    def size(self, width: int, height: int, scale: float = 1.0) -> None:
        """Make the window so large."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False
        )

    def prefer(self, media: str = "", **features: str) -> None:
        """What the user prefers, such as color_scheme="dark", and the medium: "screen" or "print"."""
        chosen = [{"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", media=media, features=chosen)

    def screenshot(self, path: Path) -> None:
        """Save a picture of the page."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of one's own, for as long as the context lasts."""
    if not PROGRAM:
        raise FileNotFoundError(f"needs Chromium or Chrome: none of {', '.join(PROGRAMS)} is on the PATH")
    to_browser, from_us = os.pipe()
    from_browser, to_us = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:

        def connect() -> None:  # the browser reads from descriptor 3 and writes to 4
            low, high = os.dup(to_browser), os.dup(to_us)
            os.dup2(low, 3)
            os.dup2(high, 4)

        process = subprocess.Popen(
            [PROGRAM, *FLAGS, f"--user-data-dir={folder}"],
            preexec_fn=connect,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(to_us)
        try:
            yield Browser(process, from_us, from_browser)
        finally:
            os.close(from_us)
            os.close(from_browser)
            process.terminate()
            process.wait(PATIENCE)
