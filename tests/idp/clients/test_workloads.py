"""Patterns of workloads' subjects: what `*` stands for, and where it may be."""

import pytest

from idp.clients.workloads import is_pattern, matches

pytestmark = pytest.mark.once
BRANCH = "repo:bakery/*:ref:refs/heads/main"


def test_a_star_is_one_part() -> None:
    assert matches(BRANCH, "repo:bakery/shop:ref:refs/heads/main")
    assert matches("spiffe://example.org/ns/*/sa/web", "spiffe://example.org/ns/shop/sa/web")
    assert matches("a:b:*", "a:b:*")
    for other in (
        "repo:bakery/:ref:refs/heads/main",
        "repo:bakery/a\nb:ref:refs/heads/main",
        "repo:bakery/shop:ref:refs/heads/main:x",
        "repo:bakery/shop:ref:refs/heads/main\n",
        "repo:bakery/shop/x:ref:refs/heads/main",
        "repo:bakery/a:ref:refs/heads/main:ref:refs/heads/main",
        "repo:bakery:shop:ref:refs/heads/main",
        "repo:BAKERY/shop:ref:refs/heads/main",
        "repo:bakery-2/shop:ref:refs/heads/main",
        "repo:bakery/shop:ref:refs/heads/mai\u0578",
        "",
    ):
        assert not matches(BRANCH, other), other
    assert not matches("a:b", "a:b:")
    assert not matches("a:b:*", "a:b:")
    assert not matches("a.c", "abc")


def test_where_a_star_may_be() -> None:
    for pattern in (BRANCH, "a", "a:b:*", "system:serviceaccount:*:web", "spiffe://example.org/*"):
        assert is_pattern(pattern), pattern
    for pattern in ("*", "a:*", "repo:*/shop:x", "a:b:c*", "a:b:*c", "a:b:**", "spiffe://*/web"):
        assert not is_pattern(pattern), pattern
