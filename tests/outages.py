"""What outages are tried on: a PostgreSQL of one's own, and a line that can stop passing on."""

import os
import selectors
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory

import httpx
import psycopg
from django.conf import settings

from tests.conftest import ROOT, Server, database_url
from tests.idp.management.test_worker import soon
from tests.ports import free_port

#: Who is in the database: a user to sign in, and a machine that gets tokens.
DECLARED = """
users:
  - {email: ana@example.com, password: correct horse battery, email_verified: true, name: Ana}
clients:
  - client_id: machine
    client_name: Machine
    client_secret: a-secret-of-the-machine-that-is-long-enough
    grant_types: [client_credentials]
    response_types: []
    redirect_uris: []
"""
EMAIL, PASSWORD = "ana@example.com", "correct horse battery"
MACHINE = ("machine", "a-secret-of-the-machine-that-is-long-enough")


class Cluster:
    """A PostgreSQL server with a database that is migrated and filled."""

    def __init__(self, directory: Path, declared: str = DECLARED, root: Path = ROOT) -> None:
        self.directory, self.port = directory, free_port()
        self.url = f"postgres://signet@127.0.0.1:{self.port}/postgres"
        if os.getuid() == 0:
            shutil.chown(directory, "postgres")
        self._run("initdb", "-U", "signet", "--auth", "trust", "--encoding", "UTF8", "--no-sync")
        self.start()
        fill(self.url, declared, root)

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        self._run(
            *("pg_ctl", "-w", "-l", str(self.directory / "log"), "start"),
            *("-o", f"{options} -c fsync=off"),
        )

    def stop(self, mode: str = "fast") -> None:
        """Stop it; `immediate` is a crash."""
        self._run("pg_ctl", "-m", mode, "-w", "stop")

    def sql(self, *statements: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[call-overload]

    def _run(self, program: str, *arguments: str) -> None:
        known = postgresql_program(program)
        as_postgres = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        subprocess.run(
            [*as_postgres, known, "-D", str(self.directory), *arguments],
            check=True,
            cwd="/",
            stdout=subprocess.DEVNULL,
        )


@contextmanager
def cluster(declared: str = DECLARED, root: Path = ROOT) -> Iterator[Cluster]:
    """Run a PostgreSQL server with the schema of the code at `root`."""
    with TemporaryDirectory(prefix="signet-postgres-") as directory:
        Path(directory).chmod(0o755)
        data = Path(directory) / "data"
        data.mkdir(mode=0o700)
        running = Cluster(data, declared, root)
        try:
            yield running
        finally:
            with suppress(subprocess.CalledProcessError):
                running.stop()


def fill(url: str, declared: str, root: Path = ROOT) -> None:
    """Make the tables of the code at `root` in an empty database, and apply a file."""
    if root == ROOT:
        _copy_schema(url)
    manage(url, "migrate", "--verbosity", "0", root=root)
    with NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(declared)
        file.flush()
        manage(url, "apply", file.name, root=root)


def _copy_schema(url: str) -> None:
    """Copy the database that scripts/test has migrated, if this run is on it: migrating is slow."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return
    address = database_url().rpartition("/")[0]
    migrated = f"{address}/{connection.settings_dict['TEST']['TEMPLATE']}"
    dump = [postgresql_program("pg_dump"), "--no-owner", migrated]
    restore = [postgresql_program("psql"), "-q", "-o", os.devnull, "-v", "ON_ERROR_STOP=1", url]
    with subprocess.Popen(dump, stdout=subprocess.PIPE) as dumping:
        subprocess.run(restore, stdin=dumping.stdout, check=True)


def postgresql_program(name: str) -> str:
    """Return where a program of PostgreSQL is, which Debian keeps out of PATH."""
    return shutil.which(name) or str(max(Path("/usr/lib/postgresql").glob(f"*/bin/{name}")))


def manage(database_url: str, *arguments: str, root: Path = ROOT) -> None:
    """Run a management command on another database, of the code at `root`."""
    subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=root,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "SIGNET_TEST_SERVER": "1",
            "DATABASE_URL": database_url,
        },
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if arguments[0] == "apply" else None,
    )


@contextmanager
def redis(port: int) -> Iterator[None]:
    """Run Redis at this port while the block lasts, and kill it then."""
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        soon(lambda: listens(port))
        yield
    finally:
        process.kill()
        process.wait()


def listens(port: int) -> bool:
    """Whether a server listens at this port."""
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


class Line:
    """A TCP proxy to a local port, which can stop passing on, as a hanging server would."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._passes = threading.Event()
        self._passes.set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def hang(self) -> None:
        """Pass on nothing from now on; connections are still taken."""
        self._passes.clear()

    def go_on(self) -> None:
        """Pass on what has come meanwhile, and what comes."""
        self._passes.set()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                threading.Thread(target=self._carry, args=[near], daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        self._passes.wait()
        with (
            suppress(OSError),
            near,
            socket.create_connection(("127.0.0.1", self._to)) as far,
            selectors.DefaultSelector() as selector,
        ):
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _ in selector.select():
                    self._passes.wait()
                    sent = key.fileobj.recv(65536)  # type: ignore[union-attr]
                    if not sent:
                        return
                    key.data.sendall(sent)


class Asker:
    """Asks a server what needs the database, in the ways there are."""

    def __init__(self, server: Server) -> None:
        self.issuer = server.issuer
        self.http = httpx.Client(timeout=30)

    def page(self) -> httpx.Response:
        cookie = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={'a' * 32}"}  # which is looked for
        return self.http.get(f"{self.issuer}/account/login/", headers=cookie)

    def sign_in(self) -> httpx.Response:
        with httpx.Client(timeout=30) as browser:
            page = browser.get(f"{self.issuer}/account/login/")
            if page.status_code != 200:
                return page
            form = {
                "login": EMAIL,
                "password": PASSWORD,
                "csrfmiddlewaretoken": browser.cookies[settings.CSRF_COOKIE_NAME],
            }
            headers = {"Origin": self.issuer}
            return browser.post(f"{self.issuer}/account/login/", data=form, headers=headers)

    def token(self) -> httpx.Response:
        data = {"grant_type": "client_credentials"}
        return self.http.post(f"{self.issuer}/token", data=data, auth=MACHINE)

    def userinfo(self) -> httpx.Response:
        headers = {"Authorization": "Bearer nothing"}
        return self.http.get(f"{self.issuer}/userinfo", headers=headers)

    def authorize(self) -> httpx.Response:
        return self.http.get(f"{self.issuer}/authorize?client_id=machine&interaction={'p' * 43}")

    def close(self) -> None:
        self.http.close()

    def statuses(self) -> dict[str, int]:
        """Ask everything, and return the status of each answer."""
        asked = (self.page, self.sign_in, self.token, self.userinfo, self.authorize)
        return {ask.__name__: ask().status_code for ask in asked}
