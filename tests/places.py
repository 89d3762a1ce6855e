"""Write small databases of places in MaxMind's format.

MaxMind DB File Format Specification, version 2.0: a tree of 24-bit records, and data behind it.
"""

import struct
from ipaddress import ip_network
from pathlib import Path
from typing import Any

_MARKER = b"\xab\xcd\xefMaxMind.com"
_STRING, _UINT32, _MAP, _UINT64, _ARRAY = 2, 6, 7, 9, 11


def write_places(path: Path, places: dict[str, dict[str, Any]]) -> None:
    """Write a file of IPv4 networks with their records."""
    nodes: list[list[Any]] = [[None, None]]
    data = b""
    for network, record in places.items():
        parsed = ip_network(network)
        node, bits = 0, f"{int(parsed.network_address):032b}"[: parsed.prefixlen]
        for bit in bits[:-1]:
            if nodes[node][int(bit)] is None:
                nodes[node][int(bit)] = len(nodes)
                nodes.append([None, None])
            node = nodes[node][int(bit)]
        nodes[node][int(bits[-1])] = ("data", len(data))
        data += _encoded(record)
    tree = b"".join(_record(side, len(nodes)) for node in nodes for side in node)
    metadata = {
        "node_count": len(nodes),
        "record_size": 24,
        "ip_version": 4,
        "database_type": "Test-City",
        "languages": ["en"],
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": 1_764_547_200,
        "description": {"en": "Places of tests"},
    }
    written = path.with_suffix(".new")
    written.write_bytes(tree + bytes(16) + data + _MARKER + _encoded(metadata))
    written.replace(path)


def place(city: dict[str, str], country: dict[str, str]) -> dict[str, Any]:
    """Return a record as GeoLite2-City has it."""
    return {"city": {"names": city}, "country": {"names": country}}


def _record(side: Any, count: int) -> bytes:
    match side:
        case None:
            number = count
        case ("data", offset):
            number = count + 16 + offset
        case _:
            number = side
    return struct.pack(">I", number)[1:]


def _encoded(value: Any) -> bytes:
    match value:
        case str():
            text = value.encode()
            return _control(_STRING, len(text)) + text
        case int():
            number = value.to_bytes((value.bit_length() + 7) // 8, "big")
            return _control(_UINT32 if value < 2**32 else _UINT64, len(number)) + number
        case dict():
            pairs = (_encoded(name) + _encoded(member) for name, member in value.items())
            return _control(_MAP, len(value)) + b"".join(pairs)
        case _:
            return _control(_ARRAY, len(value)) + b"".join(map(_encoded, value))


def _control(kind: int, size: int) -> bytes:
    """Return the byte for type and size; longer types and sizes take one byte more."""
    assert size < 29 + 256
    shown, more = (size, b"") if size < 29 else (29, bytes([size - 29]))
    if kind <= 7:
        return bytes([kind << 5 | shown]) + more
    return bytes([shown, kind - 7]) + more
