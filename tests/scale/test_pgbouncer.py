"""Through PgBouncer 1.18 in transaction mode, as docs/operators/postgresql.md has it."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.idp.management.test_worker import soon
from tests.outages import Cluster, listens
from tests.ports import free_port
from tests.scale.load import load, report, whole
from tests.scale.site import running_site

#: What DATABASE_URL needs before 1.21, and before 1.20.
WITHOUT_PREPARED = "prepare_threshold=1000000000"
WITHOUT_PARAMETERS = "statement_timeout=0&lock_timeout=0&idle_in_transaction_session_timeout=0"
ERRORS_STOP_WITHIN = 5
_CONFIGURATION = """
[databases]
postgres = host=127.0.0.1 port={to} user=signet
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 6
server_login_retry = 1
"""


@contextmanager
def pgbouncer(folder: Path, port: int, to: int) -> Iterator[None]:
    """Run PgBouncer at this port while the block lasts; it refuses to be root."""
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(_CONFIGURATION.format(port=port, to=to))
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "pgbouncer is missing; scripts/test installs it"
    user = "postgres" if os.getuid() == 0 else None
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [program, str(configuration)], stdout=log, stderr=log, user=user, group=user
        )
    try:
        soon(lambda: listens(port))
        yield
    finally:
        process.terminate()
        process.wait(10)


def test_a_load_in_transaction_mode(postgres: Cluster, tmp_path: Path) -> None:
    """Connections of two processes and a worker share six; then PostgreSQL restarts."""
    port = free_port()
    url = f"{postgres.url.replace(str(postgres.port), str(port))}?{WITHOUT_PREPARED}"
    with TemporaryDirectory(prefix="signet-pgbouncer-") as directory:
        folder = Path(directory)
        folder.chmod(0o755)
        with (
            pgbouncer(folder, port, postgres.port),
            running_site(tmp_path, DATABASE_URL=f"{url}&{WITHOUT_PARAMETERS}") as site,
        ):
            with load(site.issuer) as running:
                before = running.go_on(5)
                assert not running.record.failures(0), running.record.told()
                postgres.stop()
                postgres.start()
                back = time.monotonic()
                running.go_on(ERRORS_STOP_WITHIN + 2)
                after = running.go_on(5)
            report(running, before, after)
            stopped = running.record.last_failure(back)
            print(f"errors until {stopped:.1f} s after; {running.record.told(back)}")
            assert stopped <= ERRORS_STOP_WITHIN, running.record.told(back)
            assert running.record.recovers(before, after)
            whole(running)
