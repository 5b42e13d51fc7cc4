"""An article's Markdown as parts of a page: HTML, and between it the places where listings stand.

A paragraph that says nothing but `{{listing:3}}` is where the listing of position 3 stands. One that no such
paragraph names stands after as many blocks of the text as its position says: 0 before the first, 1 after the first,
beyond the last at the end.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

Part = Markup | int  # a piece of HTML, or the position of a listing
KEPT = 256  # articles remembered as HTML: content never changes, and what chats pass around is opened in bursts

_PLACE = re.compile(r"\{\{\s*listing:\s*(\d{1,6})\s*\}\}")


def _image(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    tokens[index].attrs |= {"loading": "lazy", "referrerpolicy": "no-referrer"}
    return renderer.image(tokens, index, options, env)


def _link(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    tokens[index].attrs["rel"] = "nofollow ugc noopener"
    return renderer.renderToken(tokens, index, options, env)


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.add_render_rule("image", _image)
    parser.add_render_rule("link_open", _link)
    return parser


_PARSER = _parser()


def lay_out(body: str, positions: Collection[int]) -> list[Part]:
    """The article in order, with each of `positions` at its place."""
    blocks = _blocks(body)
    named = {block for block in blocks if isinstance(block, int)}
    loose = sorted(set(positions) - named)
    parts: list[Part] = []
    passed = 0
    for block in blocks:
        if isinstance(block, int):
            parts += [block] if block in positions else []
            continue
        while loose and loose[0] <= passed:
            parts.append(loose.pop(0))
        parts.append(block)
        passed += 1
    return [*parts, *loose]


@lru_cache(maxsize=KEPT)
def _blocks(body: str) -> tuple[Part, ...]:
    return tuple(_render(block) for block in _top_level(_PARSER.parse(body)))


def _top_level(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    block: list[Token] = []
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"  # the page's own heading is the only h1
        block.append(token)
        if token.level == 0 and token.nesting <= 0:
            yield block
            block = []


def _render(block: Sequence[Token]) -> Part:
    if block[0].type == "paragraph_open" and (place := _PLACE.fullmatch(block[1].content.strip())):
        return int(place[1])
    return Markup(_PARSER.renderer.render(block, _PARSER.options, {}))  # the renderer has escaped it
