"""Express with Passport, which reads the user's name at UserInfo."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.idp.admin.conftest import Operator
from tests.programs import builds
from tests.programs.builds import BuiltProgram
from tests.programs.conftest import sign_in
from tests.relying_party import EndUser

pytestmark = pytest.mark.programs

#: What an app with Express has around the lines of the page, as the documentation of Passport says.
BEFORE = """
const express = require('express')
const session = require('express-session')
const app = express()
app.use(session({ secret: 'keyboard cat', resave: false, saveUninitialized: false }))
"""
AFTER = """
app.use(passport.authenticate('session'))
app.get('/', (req, res) => {
  const user = req.user
  const name = user ? `${user.displayName}, ${user.emails[0].value}` : 'nobody'
  res.send(`<a href="/login">Sign in</a><p>Signed in as ${name}</p>`)
})
app.listen(process.env.PORT, '127.0.0.1')
"""


@contextmanager
def website(operator: Operator, folder: Path) -> Iterator[BuiltProgram]:
    """Run a website that does what its page says."""
    program = BuiltProgram("passport", folder, operator)
    modules = builds.npm("passport") / "node_modules"
    program.environment = {"NODE_PATH": str(modules), "PORT": program.port}
    program.write("app.js", before=BEFORE, after=AFTER)
    with program.serving("node", "app.js"):
        yield program


def test_it_knows_the_user(operator: Operator, tmp_path: Path, page: Page, user: EndUser) -> None:
    with website(operator, tmp_path) as program:
        page.goto(program.address)
        expect(page.get_by_text("Signed in as nobody")).to_be_visible()
        page.get_by_role("link", name="Sign in").click()
        sign_in(page, user)
        expect(page.get_by_text(f"Signed in as Ana Lima, {user.email}")).to_be_visible()
        program.show(page, small=True)
