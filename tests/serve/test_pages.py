"""The pages load nothing from elsewhere."""

import re

from starlette.testclient import TestClient


def test_the_tracking_page_is_whole_and_loads_nothing_from_elsewhere(browser: TestClient) -> None:
    page = browser.get("/track")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    addresses = re.findall(r"(?:src|href)=\"([^\"]+)\"", page.text)
    assert addresses == ["data:,", "/track/page.js"]
    script = browser.get(addresses[1])
    assert script.status_code == 200
    assert script.headers["content-type"].startswith("text/javascript")
    for text in (page.text, script.text):
        assert "://" not in text
    ids = set(re.findall(r"byId\(\"(\w+)\"\)", script.text))
    assert ids <= set(re.findall(r"id=\"(\w+)\"", page.text))
