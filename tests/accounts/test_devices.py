"""Browsers in words, kinds of devices, and sessions grouped by device."""

import pytest
from django.utils import timezone

from accounts.devices import by_device, kind_of, words_for
from accounts.models import Session

BLINK = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0"
WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
LINUX, PHONE = "Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac"
TABLET = "Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X)"
SAMSUNG = "Mozilla/5.0 (Linux; Android 14; SAMSUNG SM-S911B)"
AGENTS = {
    "Chrome on Linux, computer": f"{LINUX} {BLINK} Safari/537.36",
    "Edge on Windows, computer": f"Mozilla/5.0 (Windows NT 10.0) {BLINK} Safari/537.36 Edg/131.0",
    "Opera on macOS, computer": f"Mozilla/5.0 (Macintosh) {BLINK} Safari/537.36 OPR/115.0.0.0",
    "Safari on iPhone, phone": f"{PHONE} OS X) {WEBKIT} Version/18.1 Mobile/15E148 Safari/604.1",
    "Chrome on iPad, tablet": f"{TABLET} {WEBKIT} CriOS/131.0.0.0 Mobile/15E148 Safari/604.1",
    "Firefox on Android, phone": "Mozilla/5.0 (Android 15; Mobile) Gecko/133.0 Firefox/133.0",
    "Chrome on Android, tablet": f"Mozilla/5.0 (Linux; Android 14; SM-X200) {BLINK} Safari/537.36",
    "Samsung Internet on Android, phone": f"{SAMSUNG} {BLINK} SamsungBrowser/27.0 Mobile Safari/5",
    "Chrome on ChromeOS, computer": f"Mozilla/5.0 (X11; CrOS x86_64) {BLINK} Safari/537.36",
    "curl, computer": "curl/8.5.0",
    "Unknown browser, computer": "Test",
}


@pytest.mark.parametrize("words", AGENTS)
def test_a_device_is_named_in_words(words: str) -> None:
    agent = AGENTS[words]
    assert f"{words_for(agent)}, {kind_of(agent)}" == words


def test_sessions_of_one_browser_are_one_device() -> None:
    linux, phone = AGENTS["Chrome on Linux, computer"], AGENTS["Safari on iPhone, phone"]
    sessions = [
        Session(pk=pk, user_agent=agent, browser=browser, last_seen_at=timezone.now())
        for pk, agent, browser in (
            ("a", linux, "one"),
            ("b", linux, "two"),
            ("c", phone, ""),
            ("d", linux.replace("131", "132"), "one"),
            ("e", phone, ""),
        )
    ]
    devices = [[session.pk for session in device] for device in by_device(sessions)]
    assert devices == [["a", "d"], ["b"], ["c", "e"]]
