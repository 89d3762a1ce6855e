"""What users notice of the worker while it deletes millions of expired rows."""

import time
from pathlib import Path

from bench.measuring import measure
from bench.processes import Postgres, Process
from bench.providers import MANAGE, Provider

FIGURES = ("UserInfo", "code exchange, RS256 ID token")
_UNDER_WAY_SECONDS = 5


def measured(provider: Provider, directory: Path, database: Postgres, requests: int) -> str:
    """Measure with and without a worker that sweeps, on the core of server and database."""
    quiet = {figure: _p99(provider, database, figure, requests) for figure in FIGURES}
    worker = Process([*MANAGE, "worker"], provider.process.environment, directory / "worker.log")
    try:
        time.sleep(_UNDER_WAY_SECONDS)
        swept = {figure: _p99(provider, database, figure, requests) for figure in FIGURES}
    finally:
        worker.stop()
    figures = "; ".join(
        f"{figure} {swept[figure]:.1f} ms, without it {quiet[figure]:.1f} ms" for figure in FIGURES
    )
    return f"99th percentile while the worker deletes millions of expired rows: {figures}."


def _p99(provider: Provider, database: Postgres, figure: str, requests: int) -> float:
    took = sorted(measure(provider, database, figure, requests).answered_ms)
    return took[len(took) * 99 // 100]
