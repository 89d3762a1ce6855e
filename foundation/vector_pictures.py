"""Rewrite untrusted SVG with the few elements and attributes that draw.

SVG can have scripts, style sheets, text that other documents provide, and elements that multiply
each other. What leaves here has shapes, gradients and clip paths, and refers to nothing outside.
SVG 2 §2.9.
"""

import re
from collections.abc import Iterator
from html import escape
from xml.parsers import expat

from django.utils.translation import gettext as _

#: Limits of what is read: bytes, elements, and how deep these are nested.
MOST_BYTES = 64 * 1024
_MOST_ELEMENTS = 2000
_DEEPEST = 20
_SVG = "http://www.w3.org/2000/svg "
_XLINK = "http://www.w3.org/1999/xlink "
_SHAPES = {"path", "rect", "circle", "ellipse", "line", "polyline", "polygon"}
_GRADIENTS = {"linearGradient", "radialGradient"}
_ELEMENTS = {"svg", "g", "defs", "clipPath", "stop", *_SHAPES, *_GRADIENTS}
#: Elements that draw nothing. They are left out, like those of other namespaces.
_LEFT_OUT = {"title", "desc", "metadata"}
_GEOMETRY = {
    *("id", "d", "points", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry"),
    *("fx", "fy", "width", "height", "viewBox", "preserveAspectRatio", "transform", "offset"),
    *("gradientTransform", "gradientUnits", "spreadMethod", "clipPathUnits"),
}
#: These may also be properties of a `style` attribute. No dashes: they multiply.
_PRESENTATION = {
    *("fill", "fill-opacity", "fill-rule", "stroke", "stroke-width", "stroke-opacity", "opacity"),
    *("stroke-linecap", "stroke-linejoin", "stroke-miterlimit", "clip-path", "clip-rule"),
    *("stop-color", "stop-opacity"),
}
#: Numbers, words, colours and lists of them; neither quotation marks, nor what begins a URL.
_PLAIN = re.compile(r"[\w\s.,#%+()-]*", re.ASCII)
_OWN = re.compile(r"url\(#[A-Za-z_][\w.-]*\)", re.ASCII)
_FRAGMENT = re.compile(r"#[A-Za-z_][\w.-]*", re.ASCII)


class UnusableVectorError(Exception):
    """This is no SVG that can be shown; the message says why, for the operator."""


def rewritten(data: bytes) -> bytes:
    """Return an SVG document with only its shapes. Raises UnusableVectorError."""
    if len(data) > MOST_BYTES:
        most = MOST_BYTES // 1024
        raise UnusableVectorError(_("It is larger than %(most)d KiB.") % {"most": most})
    rewriting = _Rewriting()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = rewriting.document_type
    parser.StartElementHandler = rewriting.start
    parser.EndElementHandler = rewriting.end
    try:
        parser.Parse(data, True)  # noqa: FBT003  expat's own
    except (expat.ExpatError, ValueError, LookupError):
        raise UnusableVectorError(_("It is not well-formed XML.")) from None
    return "".join(rewriting.written).encode()


class _Rewriting:
    """One document while it is parsed."""

    def __init__(self) -> None:
        self.written: list[str] = []
        #: Open elements; None for one that is left out, with all that is in it.
        self.open: list[str | None] = []
        self.count = 0

    def document_type(self, _name: str, _system: object, _public: object, has_subset: int) -> None:
        """Refuse declarations of entities, which expand without end."""
        if has_subset:
            raise UnusableVectorError(_("It declares entities (<!DOCTYPE … [ … ]>)."))

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Write the beginning of an element."""
        self.count += 1
        if self.count > _MOST_ELEMENTS or len(self.open) >= _DEEPEST:
            raise UnusableVectorError(_("It has too many elements."))
        element = self._written_as(name)
        if element is not None:
            in_clip_path = "clipPath" in self.open
            kept = "".join(f' {n}="{escape(v)}"' for n, v in _kept(attributes, in_clip_path))
            namespace = "" if self.open else f' xmlns="{_SVG.strip()}"'
            self.written.append(f"<{element}{namespace}{kept}>")
        self.open.append(element)

    def end(self, _name: str) -> None:
        """Write the end of an element."""
        element = self.open.pop()
        if element is not None:
            self.written.append(f"</{element}>")

    def _written_as(self, name: str) -> str | None:
        """Return the name of an element that is kept, or None. Raises UnusableVectorError."""
        element = name.removeprefix(_SVG)
        if not self.open and name != f"{_SVG}svg":
            raise UnusableVectorError(_("It is not an SVG document."))
        if None in self.open or element == name or element in _LEFT_OUT:
            return None
        if element not in _ELEMENTS or (element == "svg" and self.open):
            said = _("It has the element <%(name)s>. Save it with plain shapes only, or as PNG.")
            raise UnusableVectorError(said % {"name": element[:40]})
        return element


def _kept(attributes: dict[str, str], in_clip_path: bool) -> Iterator[tuple[str, str]]:  # noqa: FBT001
    """Return the attributes that draw. A clip path has no other: they would multiply."""
    kept = dict(_styled(attributes.get("style", "")))
    for name, value in attributes.items():
        if name in _PRESENTATION or name in _GEOMETRY:
            kept.setdefault(name, value)
        elif name.removeprefix(_XLINK) == "href" and _FRAGMENT.fullmatch(value):
            yield "href", value  # a gradient's other gradient; no other element here has one
    if in_clip_path:
        kept.pop("clip-path", None)
    yield from ((name, value.strip()) for name, value in kept.items() if _is_plain(value.strip()))


def _styled(style: str) -> Iterator[tuple[str, str]]:
    """Return the properties of a `style` attribute that attributes can have."""
    for declaration in style.split(";"):
        name, _colon, value = declaration.partition(":")
        if name.strip() in _PRESENTATION:
            yield name.strip(), value


def _is_plain(value: str) -> bool:
    if "url" in value.lower():
        return _OWN.fullmatch(value) is not None
    return _PLAIN.fullmatch(value) is not None
