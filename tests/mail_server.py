"""A mail server of the tests (RFC 5321), which accepts, refuses or says nothing."""

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage


class MailServer:
    """Takes mail at a port of this machine, and does as it is told."""

    def __init__(self) -> None:
        #: The accepted messages.
        self.messages: list[EmailMessage] = []
        #: The answers to commands that are not `250 OK`.
        self.answers: dict[str, str] = {}
        #: Is called when a message has come and was not answered yet.
        self.before_accepting: Callable[[], None] = lambda: None
        mail_server = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                try:
                    mail_server._talk(self)
                except OSError:
                    return  # the other side has gone

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 100  # many senders come at once

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self.server.server_address[1]

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def to(self, email: str) -> list[EmailMessage]:
        """Return the accepted messages to an address."""
        return [message for message in self.messages if message["To"] == email]

    def _talk(self, handler: socketserver.StreamRequestHandler) -> None:
        def say(line: str) -> None:
            handler.wfile.write(f"{line}\r\n".encode())

        say("220 test")
        while command := handler.rfile.readline().strip().decode():
            verb = command.partition(" ")[0].upper()
            if verb == "DATA" and verb not in self.answers:
                say("354 go on")
                self._accept(handler, say)
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                say(self.answers.get(verb, "250 OK"))

    def _accept(
        self, handler: socketserver.StreamRequestHandler, say: Callable[[str], None]
    ) -> None:
        lines = []
        while (line := handler.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        self.before_accepting()
        self.messages.append(message_from_bytes(b"".join(lines), policy=policy.default))  # type: ignore[arg-type]
        say(self.answers.get("", "250 OK"))


@contextmanager
def running() -> Iterator[MailServer]:
    """Run a mail server while the block lasts."""
    mail_server = MailServer()
    threading.Thread(target=mail_server.server.serve_forever, daemon=True).start()
    try:
        yield mail_server
    finally:
        mail_server.server.shutdown()
        mail_server.server.server_close()
