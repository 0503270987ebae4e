"""A browser without script: cookies, redirects and forms of the login pages."""

from html.parser import HTMLParser
from urllib.parse import urljoin

import requests


class _Forms(HTMLParser):
    """The fields and the actions of each form of a page."""

    def __init__(self):
        super().__init__()
        self.forms = []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.forms.append(({}, []))
        elif tag == "input" and self.forms and attributes.get("name"):
            self.forms[-1][0][attributes["name"]] = attributes.get("value", "")
        elif tag == "button" and self.forms and attributes.get("name") == "action":
            self.forms[-1][1].append(attributes["value"])


class Browser:
    def __init__(self, domain):
        self.origin = f"https://{domain}"
        self.session = requests.Session()

    def visit(self, address, **fields):
        """Visits an address, fills in what the pages ask for, and returns the address at which an application is told."""
        form = None
        for _ in range(20):
            response = self.session.request("POST" if form else "GET", address, data=form, allow_redirects=False)
            if response.status_code == 302:
                address, form = urljoin(address, response.headers["location"]), None
                if not address.startswith(self.origin):
                    return address
                continue
            assert response.status_code == 200, response.text
            page = _Forms()
            page.feed(response.text)
            inputs, actions = page.forms[0]
            form = {name: fields.get(name, value) for name, value in inputs.items()}
            form["action"] = "accept" if "accept" in actions else "default"
        raise AssertionError(f"the login does not end: {address}")
